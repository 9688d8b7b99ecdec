"""The course's hourly call of an API, as it stands."""
