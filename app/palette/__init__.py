"""The palette: one line to type in, and what fits it."""
