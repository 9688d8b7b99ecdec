"""The REST API: requests in, events to the executor, JSON of the contract out. START HERE: `app.py`."""
