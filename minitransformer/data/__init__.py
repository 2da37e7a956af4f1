"""Corpora, tokenizers and batches."""

from .batches import length_batches, micro_batches, pad, windows
from .bpe import ByteLevelBPE
from .characters import CharacterTokenizer
from .dataset import UNLABELLED, Dataset, Split
from .imdb import load_imdb
from .parallel import Parallel, ParallelDataset, load_multi30k, read_parallel
from .plain_text import Names, PlainText, load_names, load_shakespeare
from .reviews import load_reviews
from .table import load_table
from .tasks import copy_task, is_held_out, reverse_task
from .token_ids import Tokenizer, load_tokenizer
from .tokenizer import join, tokenize
from .vocabulary import PADDING, UNKNOWN, Vocabulary
from .wordpiece import WordPiece
from .words import WordTokenizer

__all__ = [
    "PADDING",
    "UNKNOWN",
    "UNLABELLED",
    "ByteLevelBPE",
    "CharacterTokenizer",
    "Dataset",
    "Names",
    "Parallel",
    "ParallelDataset",
    "PlainText",
    "Split",
    "Tokenizer",
    "Vocabulary",
    "WordPiece",
    "WordTokenizer",
    "copy_task",
    "is_held_out",
    "join",
    "length_batches",
    "load_imdb",
    "load_multi30k",
    "load_names",
    "load_reviews",
    "load_shakespeare",
    "load_table",
    "load_tokenizer",
    "micro_batches",
    "pad",
    "read_parallel",
    "reverse_task",
    "tokenize",
    "windows",
]
