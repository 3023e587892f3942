"""Sets the program up on its first start, with the standard library alone; main.py is its only user."""
