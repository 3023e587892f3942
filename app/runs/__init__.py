"""The Train page: a run set up, begun, followed from wherever it was started, compared and judged."""
