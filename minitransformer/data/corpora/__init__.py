"""Corpora: the reviews of IMDB, plain texts, translations, tables, and tasks on strings."""
