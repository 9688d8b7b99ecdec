"""Load programs and the figures we promise."""
