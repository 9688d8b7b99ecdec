"""Dates to the nanosecond, in zones and locales: read, moved and written by pattern (expression spec §11)."""
