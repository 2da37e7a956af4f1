"""Turns the repository into a site: staging, annotated source, maths, links into the code."""
