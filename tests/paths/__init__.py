"""Names that somebody gives us lead nowhere but where they should."""
