"""Corpora, tokenizers, the bundled reviews, and batches of examples."""

from minitransformer.data.corpora.dataset import UNLABELLED, Dataset, Split
from minitransformer.data.corpora.imdb import load_imdb
from minitransformer.data.corpora.letter_strings import copy_task, is_held_out, reverse_task
from minitransformer.data.corpora.parallel import (
    Parallel,
    ParallelDataset,
    load_multi30k,
    read_parallel,
)
from minitransformer.data.corpora.plain_text import (
    Names,
    PlainText,
    load_names,
    load_shakespeare,
    load_text,
)
from minitransformer.data.corpora.table import load_labelled, load_table
from minitransformer.data.corpora.table_options import TableOptions
from minitransformer.data.examples.batching import length_batches, micro_batches, pad, windows
from minitransformer.data.reviews.reviews import load_reviews
from minitransformer.data.tokenizers.bpe.tokenizer import ByteLevelBPE
from minitransformer.data.tokenizers.characters import CharacterTokenizer
from minitransformer.data.tokenizers.tokenizer import (
    PADDING,
    UNKNOWN,
    Tokenizer,
    load_tokenizer,
)
from minitransformer.data.tokenizers.vocabulary import Vocabulary
from minitransformer.data.tokenizers.word_split import join, tokenize
from minitransformer.data.tokenizers.wordpiece import WordPiece
from minitransformer.data.tokenizers.words import WordTokenizer

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
    "TableOptions",
    "Tokenizer",
    "Vocabulary",
    "WordPiece",
    "WordTokenizer",
    "copy_task",
    "is_held_out",
    "join",
    "length_batches",
    "load_imdb",
    "load_labelled",
    "load_multi30k",
    "load_names",
    "load_reviews",
    "load_shakespeare",
    "load_table",
    "load_text",
    "load_tokenizer",
    "micro_batches",
    "pad",
    "read_parallel",
    "reverse_task",
    "tokenize",
    "windows",
]
