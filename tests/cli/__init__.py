"""The commands, in this process, without a server."""
