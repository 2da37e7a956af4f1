"""Classifiers of texts that are not transformers: convolutions, recurrence, a bag of vectors."""
