"""From a model at rest to one that runs, in the best place that has room for it."""
