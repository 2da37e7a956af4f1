"""Corpora, the word tokenizer and batches."""

from .batches import length_batches, micro_batches, pad, windows
from .dataset import UNLABELLED, Dataset, Split
from .tokenizer import PADDING, UNKNOWN, Vocabulary, join, tokenize

__all__ = [
    "PADDING",
    "UNKNOWN",
    "UNLABELLED",
    "Dataset",
    "Split",
    "Vocabulary",
    "join",
    "length_batches",
    "micro_batches",
    "pad",
    "tokenize",
    "windows",
]
