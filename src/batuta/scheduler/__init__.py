"""Turns ticks and the ends of executions into executions. `loop.py` is where to start."""
