"""Baselines that a transformer has to beat: linear models on the words of a text."""
