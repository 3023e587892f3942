"""Where a program that nobody trusts is run and judged: fenced processes, and what they say to each other."""
