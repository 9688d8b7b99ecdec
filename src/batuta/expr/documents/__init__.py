"""Readers and writers of document formats, loaded when a template uses them."""
