"""What all parts of the program agree on, as plain data and the standard library alone."""
