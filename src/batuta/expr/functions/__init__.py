"""One function per function of the language, by theme. Importing registers all in `catalogue.FUNCTIONS`."""

from batuta.expr.functions import calendar, outside, plain, workflow

__all__ = ["calendar", "outside", "plain", "workflow"]
