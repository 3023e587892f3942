"""The open folder: its tree, its files by name, and which of them nobody wants to see."""
