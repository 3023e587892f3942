"""A corpus made of published packages: which may be learnt from, which of their files, and the best last."""
