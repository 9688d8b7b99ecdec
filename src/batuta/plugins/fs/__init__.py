"""Files of this machine and of file servers."""
