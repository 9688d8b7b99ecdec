"""Built-in functions of jq that are written in Python, a module for each theme."""
