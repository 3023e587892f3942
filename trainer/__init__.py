"""Learning and measuring. It knows the engine, and no window."""
