"""Corpora, the word tokenizer and batches."""

from .batches import length_batches, micro_batches, pad, windows
from .dataset import UNLABELLED, Dataset, Split
from .imdb import load_imdb
from .reviews import load_reviews
from .table import load_table
from .tokenizer import join, tokenize
from .vocabulary import PADDING, UNKNOWN, Vocabulary

__all__ = [
    "PADDING",
    "UNKNOWN",
    "UNLABELLED",
    "Dataset",
    "Split",
    "Vocabulary",
    "join",
    "length_batches",
    "load_imdb",
    "load_reviews",
    "load_table",
    "micro_batches",
    "pad",
    "tokenize",
    "windows",
]
