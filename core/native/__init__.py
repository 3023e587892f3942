"""The C library of the decode step: compiled, found, and called on the addresses of arrays."""
