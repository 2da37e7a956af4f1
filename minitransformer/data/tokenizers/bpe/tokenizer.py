"""Byte-level byte-pair encoding, as in GPT-2: every valid text is encoded and decoded exactly."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

import numpy as np

from minitransformer.checks import check_count, check_flag, check_text, check_texts, check_tokens
from minitransformer.data.tokenizers.bpe import files as bpe_files
from minitransformer.data.tokenizers.bpe.added_tokens import AddedTokens
from minitransformer.data.tokenizers.bpe.learning import learn_table
from minitransformer.data.tokenizers.bpe.merges import id_of, in_order
from minitransformer.data.tokenizers.bpe.piece_encoder import PieceEncoder
from minitransformer.data.tokenizers.bpe.pieces import piece_finder
from minitransformer.data.tokenizers.bpe.tokenizer_json import split_merges
from minitransformer.data.tokenizers.tokenizer import (
    END_TOKEN,
    PAD_TOKEN,
    START_TOKEN,
    Tokenizer,
    printable,
)

# These are in a saved file only if they have been set
OPTIONAL = (
    "added", "normalized", "prefix", "normalization", "unknown", "fuse_unknown",
    "prefix_space", "partial",
)  # fmt: skip


class ByteLevelBPE(Tokenizer):
    """A tokenizer whose tokens are merged bytes.

    Parameters
    ----------
    vocabulary : mapping of str to int
        Tokens and their ids, 0 to V - 1. In a token, each byte is written as one of
        :data:`byte_symbols.SYMBOLS`. All 256 bytes must be included, unless `partial` is True.
    merges : sequence of (str, str)
        Pairs of tokens, in the order in which they are merged. Each result must be a token too.
    specials : sequence of str
        Tokens that represent no text. :meth:`encode` never finds them in a text, even if it
        contains their names, and :meth:`decode` leaves them out.
    added : sequence of str
        Further tokens that represent their own text. They are written literally, not in byte
        symbols. They are found, the longest first, before a text is cut into pieces.
    normalized : sequence of str
        Those of `added` that are found after `normalization`; the others are found before it.
    prefix : str, optional
        The special token that :meth:`encode` puts before every text (Llama 3).
    pad, start, end : str, optional
        Which of `specials` are the padding, the start and the end.
    unknown, fuse_unknown : str and bool, optional
        The token of a byte that is not in the vocabulary, and whether one token replaces several
        such bytes side by side. Without it, they are left out, with a warning.
    pattern : {"gpt2", "llama3", "qwen2", "digits", "numbers", "whole"} or a list of these
        How a text is cut into pieces before merging. Each pattern of a list cuts the pieces of the
        one before it. "digits" cuts before and after every digit, "numbers" around runs of digits.
    normalization : {"NFC", "NFD", "NFKC", "NFKD"}, optional
        The normal form that :meth:`encode` gives to a text. :meth:`decode` does not undo it.
    prefix_space : bool
        Whether a space is put before each text that the last pattern cuts, if it has none.
    partial : bool
        Whether bytes may be missing from the vocabulary, as in some published ones.
    ignore_merges : bool
        Whether a piece that is a token becomes this token, even if merging would not produce it.

    Examples
    --------
    >>> bpe = ByteLevelBPE.train(["low lower lowest", "new newer newest"], n_merges=20)
    >>> [bpe.tokens[i] for i in bpe.encode("lowest \u00e9")]
    ['lo', 'west', ' ', '\\\\xc3', '\\\\xa9']
    >>> bpe.decode(bpe.encode("lowest \u00e9"))
    'lowest \u00e9'
    """

    kind = "bpe"

    def __init__(
        self, vocabulary: Mapping[str, int], merges: Sequence[tuple[str, str]], *,
        specials: Sequence[str] = (), added: Sequence[str] = (), normalized: Sequence[str] = (),
        prefix=None, pad=None, start=None, end=None, unknown=None, fuse_unknown=False,
        pattern="gpt2", normalization=None, prefix_space=False, partial=False, ignore_merges=False,
    ):  # fmt: skip
        self._find_pieces = piece_finder(pattern, prefix_space)
        self._options = {"prefix_space": prefix_space, "partial": partial, "unknown": unknown}
        self._pattern = list(pattern) if isinstance(pattern, tuple) else pattern
        self._names = in_order(vocabulary)
        self._added_tokens = AddedTokens(
            vocabulary, specials, added,
            normalized=normalized, prefix=prefix, normalization=normalization,
        )  # fmt: skip
        self._specials = self._added_tokens.specials
        self.pad_id, self.start_id, self.end_id = (
            None if name is None else id_of(self._specials, name) for name in (pad, start, end)
        )
        self._bytes = [self._added_tokens.bytes_of(name) for name in self._names]
        self.unknown_id = None if unknown is None else id_of(vocabulary, unknown)
        self._merges, own = [tuple(merge) for merge in merges], {}
        if check_flag("ignore_merges", ignore_merges):
            rows = enumerate(zip(self._bytes, self._names, strict=True))
            own = {b: i for i, (b, name) in rows if b and name not in self._added_tokens.added}
        missing = partial, self.unknown_id, fuse_unknown
        self._encode_piece = PieceEncoder(vocabulary, self._merges, own, *missing)

    @classmethod
    def train(
        cls, texts: Iterable[str], n_merges: int, specials=True, *, min_count=2, pattern="gpt2"
    ):
        """Learn merges from texts.

        Parameters
        ----------
        texts : iterable of str
            The texts in which pairs are counted.
        n_merges : int
            Maximum number of merges. There are fewer if no more pairs occur `min_count` times.
        specials : bool
            Whether the first tokens are ``<pad>``, ``<start>`` and ``<end>``, with ids 0 to 2. The
            256 bytes come next, then the results of the merges.
        min_count : int
            Pairs that occur less often are not merged.
        pattern : str or list of str
            How a text is cut into pieces, as for the class.

        Raises
        ------
        TypeError, ValueError
            If an argument is not valid, or the texts are empty.
        """
        check_texts(texts)
        check_count("n_merges", n_merges, 0)
        check_count("min_count", min_count, 1)
        tokens, merges = learn_table(texts, n_merges, min_count, pattern)
        special = (PAD_TOKEN, START_TOKEN, END_TOKEN) if specials else ()
        roles = dict(zip(("pad", "start", "end"), special, strict=False))
        vocabulary = {name: i for i, name in enumerate((*special, *tokens))}
        return cls(vocabulary, merges, specials=special, pattern=pattern, **roles)

    @classmethod
    def from_gpt2(cls, folder=None):
        """GPT-2's tokenizer, from its published tables.

        Parameters
        ----------
        folder : path-like, optional
            Contains ``encoder.json`` and ``vocab.bpe``, or ``vocab.json`` and ``merges.txt``.
            By default, they are searched for in ``MINITRANSFORMER_DATA``, or downloaded.

        Raises
        ------
        FileNotFoundError, ValueError
            If a table is missing or not valid.
        """
        return bpe_files.read_gpt2(cls, folder)

    @classmethod
    def from_huggingface(cls, folder):
        """A tokenizer in Hugging Face's layout, if it is byte-level BPE.

        Parameters
        ----------
        folder : path-like
            Contains ``tokenizer.json``, or ``vocab.json`` and ``merges.txt``. If there is a
            ``tokenizer_config.json``, it says which tokens start, end and pad a text.

        Raises
        ------
        FileNotFoundError
        ValueError
            If a file is damaged or a setting is not supported. The message names file and key.
        """
        return bpe_files.read_huggingface(cls, folder)

    def encode(self, text) -> np.ndarray:
        """The ids of a text, or of bytes that need not be UTF-8.

        The names of special tokens in a text are treated as ordinary text. If there is a `prefix`,
        it comes first, even for an empty text. Half of a surrogate pair in a string becomes three
        bytes, according to UTF-8's rule for code points of its size; an invalid byte is unchanged.

        Parameters
        ----------
        text : str or bytes
            The text to encode.

        Returns
        -------
        ids : (n,) int64 array
        """
        errors = "surrogatepass"
        if isinstance(text, bytes | bytearray):
            errors = "surrogateescape"  # turns each invalid byte into a character of its own
            text = text.decode("utf-8", errors)
        check_text(text)
        ids = list(self._added_tokens.prefix)
        for part in self._added_tokens.parts(text):
            if isinstance(part, int):
                ids.append(part)
                continue
            for piece in self._find_pieces(part):
                ids += self._encode_piece(piece.encode("utf-8", errors))
        return np.array(ids, dtype=np.int64)

    def decode_bytes(self, ids) -> bytes:
        """The bytes of `ids`, which may end within a character; special tokens are left out."""
        return b"".join(self._bytes[i] for i in self._text_ids(ids))

    def decode(self, ids) -> str:
        """The text of `ids`, with U+FFFD where the bytes are not valid UTF-8."""
        return self.decode_bytes(ids).decode("utf-8", "replace")

    @cached_property
    def tokens(self):
        """The token of each id in printable form; an incomplete character appears as ``\\xe2``."""
        return [
            name
            if name in self._specials
            else printable(content.decode("utf-8", "backslashreplace"))
            for name, content in zip(self._names, self._bytes, strict=True)
        ]

    def __len__(self):
        return len(self._bytes)

    def _content(self):
        names = {i: name for name, i in self._specials.items()}
        roles = {"pad": self.pad_id, "start": self.start_id, "end": self.end_id}
        return {
            "pattern": self._pattern,
            "ignore_merges": bool(self._encode_piece.whole),
            **{key: value for key, value in self._options.items() if value},
            **({"fuse_unknown": True} if self._encode_piece.fuse else {}),
            **self._added_tokens.content(),
            **{role: names.get(i) for role, i in roles.items()},
            "vocabulary": self._names,
            "merges": [" ".join(merge) for merge in self._merges],
        }

    def __reduce__(self):
        return self._from_content, (self._content(),)

    @classmethod
    def _from_content(cls, content):
        names = check_tokens(content["vocabulary"])
        required = ("specials", "pad", "start", "end", "pattern", "ignore_merges")
        options = {key: content[key] for key in required}
        options |= {key: content[key] for key in OPTIONAL if key in content}
        merges = split_merges(content["merges"], "merges")
        return cls({name: i for i, name in enumerate(names)}, merges, **options)
