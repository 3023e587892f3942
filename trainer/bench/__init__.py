"""Measuring models: tasks and their answers, scores, speed, and results side by side."""
