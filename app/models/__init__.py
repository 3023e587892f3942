"""The Models page: what is here, what could be had, whether it fits, and which to use."""
