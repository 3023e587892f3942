"""What stands where in a text that changes, as Pygments tells it: from where it changed, or from the top."""
