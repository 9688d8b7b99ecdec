"""Runs attempts. Start reading at `loop.py`."""
