"""A Python file of the person's, run beside the window, and what it prints."""
