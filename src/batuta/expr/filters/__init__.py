"""One function per filter, by theme. Importing the package registers all of them in `catalogue.FILTERS`."""

from batuta.expr.filters import codecs, dates, documents, lists, maps, numbers, patterns, text

__all__ = ["codecs", "dates", "documents", "lists", "maps", "numbers", "patterns", "text"]
