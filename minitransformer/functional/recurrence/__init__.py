"""Recurrent functions: a state is carried from token to token."""
