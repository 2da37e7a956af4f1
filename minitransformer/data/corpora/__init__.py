"""Corpora: IMDB reviews, plain texts, translations, tables of your own, and string tasks."""
