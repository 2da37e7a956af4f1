"""Notebook 17: convolutions, pooling over windows, patches."""
