"""Our structs as the JSON of the contract: plain maps and lists that the encoder writes at once."""
