"""Files of this machine, below folders that the operator has opened to flows."""
