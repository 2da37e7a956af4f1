"""A transformer you can open: hand-written forward and backward passes on NumPy or CuPy arrays."""

__version__ = "0.1.0"
