"""Grading submitted files and notebooks, each in its own process.

``grading`` starts the process and collects its results, ``child`` is that process, ``notebook``
reads functions from a notebook, and ``stubs`` writes a file with every function left to fill in.
"""
