"""The engine as a worker process: requests come in, messages go out."""
