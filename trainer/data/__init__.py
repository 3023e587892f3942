"""From folders, packages and data sets to rows of tokens that can be learnt from."""
