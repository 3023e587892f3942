"""The Benchmark page: measurements planned, run, read, drawn, compared, and what they advise."""
