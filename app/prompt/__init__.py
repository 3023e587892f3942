"""The Prompt page: what the code should do, how it is written, and the answers side by side."""
