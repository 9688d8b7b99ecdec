"""Run flows against the engine alone: no database, no server, no waiting."""
