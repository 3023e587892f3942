"""How gradients become steps, and what an optimiser remembers of them."""
