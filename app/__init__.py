"""The window. It knows Qt and both spec rooms; engine, runs and benchmarks are processes that it starts."""
