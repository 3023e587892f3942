"""Measuring: tasks, and a sandbox in which what a model wrote is run and judged."""
