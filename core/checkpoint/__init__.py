"""Models at rest, in and out of every format, whichever family they are of."""
