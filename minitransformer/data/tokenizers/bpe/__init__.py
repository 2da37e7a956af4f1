"""Byte-level byte-pair encoding, as GPT-2 and its successors use it."""
