"""Keys, lists and channels of Redis."""
