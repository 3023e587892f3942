"""Charts of numbers that grow: axes, legends, a view that finds back, and what is drawn as a file."""
