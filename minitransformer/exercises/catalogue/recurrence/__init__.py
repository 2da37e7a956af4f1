"""Notebook 18: recurrence, and backpropagation through time."""
