"""Runs and benchmarks as the window has them: set up, followed, read, drawn and compared."""
