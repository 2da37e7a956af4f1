"""The exercises themselves, a file for each group of notebooks."""
