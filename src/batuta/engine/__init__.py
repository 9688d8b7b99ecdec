"""The meaning of a flow, pure: an event in, changes and commands out. Start at `machine.py`."""
