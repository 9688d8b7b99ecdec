"""The whole program, as the processes that a user starts."""
