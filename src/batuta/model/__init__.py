"""The nouns of the program, as frozen structs without behaviour beyond their own invariants."""
