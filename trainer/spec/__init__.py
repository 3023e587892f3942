"""What runs, their data and benchmarks are, as plain data that the window reads too."""
