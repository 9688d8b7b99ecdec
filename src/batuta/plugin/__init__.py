"""The contract between the program and task types; what authors of plugins import."""
