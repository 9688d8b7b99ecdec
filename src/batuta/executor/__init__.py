"""Turns events into committed steps. Start at `loop.py`."""
