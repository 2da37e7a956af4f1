"""Corpora: IMDB reviews, plain texts, translations, your own tables, and string tasks."""
