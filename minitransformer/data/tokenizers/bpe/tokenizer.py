"""Byte-level byte-pair encoding, as in GPT-2: every text has ids, and comes back from them."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property, lru_cache

import numpy as np
import regex

from minitransformer.checks import check_count, check_text, check_texts, check_tokens
from minitransformer.data.tokenizers.bpe import files as bpe_files
from minitransformer.data.tokenizers.bpe.added_tokens import AddedTokens
from minitransformer.data.tokenizers.bpe.byte_symbols import SYMBOLS, readable, to_symbols
from minitransformer.data.tokenizers.bpe.merges import (
    N_BYTES,
    id_of,
    in_order,
    learn_merges,
    merge_pairs,
    ranked,
)
from minitransformer.data.tokenizers.tokenizer import END, PAD, START, Tokenizer, printable

# How a text is cut into pieces; merges stay within one. Only known patterns: one from a file could
# take for ever. They need \p{L} and \p{N}, which `re` does not have.
PATTERNS = {
    "gpt2": r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    "llama3": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "qwen2": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
}
CACHED_PIECES = 1 << 16
LONGEST_CACHED = 64  # bytes; with the number above it bounds what the cache can take


class ByteLevelBPE(Tokenizer):
    """A tokenizer of merged bytes.

    Parameters
    ----------
    vocabulary : mapping of str to int
        Tokens, each byte written as one of :data:`byte_symbols.SYMBOLS`, and their ids, 0 to
        V - 1. All 256 bytes are among them.
    merges : sequence of (str, str)
        Pairs of tokens, the first to be merged first. What they become is a token too.
    specials : sequence of str
        Tokens that stand for no text. They are never found in a text, whatever it says, and left
        out by :meth:`decode`.
    added : sequence of str
        Further tokens, written as they are and not in symbols, that stand for their own text: they
        are found in a text before it is cut into pieces, the longest first, and :meth:`decode`
        keeps them.
    prefix : str, optional
        The one of `specials` that :meth:`encode` puts before every text (Llama 3).
    pad, start, end : str, optional
        Which of `specials` serve as that.
    pattern : {"gpt2", "llama3", "qwen2"}
        How a text is cut into pieces before merging.
    ignore_merges : bool
        Take a piece that is a token as it is, even where merging would not lead to it (Llama 3).

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
        self,
        vocabulary: Mapping[str, int],
        merges: Sequence[tuple[str, str]],
        *,
        specials: Sequence[str] = (),
        added: Sequence[str] = (),
        prefix=None,
        pad=None,
        start=None,
        end=None,
        pattern="gpt2",
        ignore_merges=False,
    ):
        if pattern not in PATTERNS:
            raise ValueError(f"pattern must be one of {', '.join(PATTERNS)}, not {pattern!r}")
        names = in_order(vocabulary)
        self._added_tokens = AddedTokens(vocabulary, specials, added, prefix)
        self._specials = self._added_tokens.specials
        self.pad_id, self.start_id, self.end_id = (
            None if name is None else id_of(self._specials, name) for name in (pad, start, end)
        )
        self._bytes = [self._added_tokens.bytes_of(name) for name in names]
        self._byte_ids = [id_of(vocabulary, symbol) for symbol in SYMBOLS]
        self._merges = [tuple(merge) for merge in merges]
        self._ranks, self._results = ranked(self._merges, vocabulary)
        self._names, self._pattern_name = names, pattern
        self._pattern = regex.compile(PATTERNS[pattern])
        self._whole = (
            {
                b: i
                for i, (b, name) in enumerate(zip(self._bytes, names, strict=True))
                if b and name not in self._added_tokens.added
            }
            if ignore_merges
            else {}
        )
        self._cached = lru_cache(CACHED_PIECES)(self._merged)

    @classmethod
    def train(
        cls,
        texts: Iterable[str],
        n_merges: int,
        specials: bool = True,
        *,
        min_count: int = 2,
        pattern: str = "gpt2",
    ):
        """Learn merges from texts.

        Parameters
        ----------
        texts : iterable of str
        n_merges : int
            Fewer are learned where fewer pairs occur `min_count` times.
        specials : bool
            Begin with ``<pad>``, ``<start>`` and ``<end>``, ids 0 to 2; then come the 256 bytes,
            then the merges.
        min_count : int
            Pairs that occur less often are not merged.
        pattern : {"gpt2", "llama3", "qwen2"}

        Raises
        ------
        TypeError, ValueError
            If an argument is not as above, or the texts are empty.
        """
        check_texts(texts)
        check_count("n_merges", n_merges, 0)
        check_count("min_count", min_count, 1)
        if pattern not in PATTERNS:
            raise ValueError(f"pattern must be one of {', '.join(PATTERNS)}, not {pattern!r}")
        content = [bytes([byte]) for byte in range(N_BYTES)]
        pairs = learn_merges(_count_pieces(texts, pattern), n_merges, min_count)
        for first, second in pairs:
            content.append(content[first] + content[second])
        names = [to_symbols(token) for token in content]
        special = (PAD, START, END) if specials else ()
        roles = dict(zip(("pad", "start", "end"), special, strict=False))
        return cls(
            {name: i for i, name in enumerate((*special, *names))},
            [(names[first], names[second]) for first, second in pairs],
            specials=special,
            pattern=pattern,
            **roles,
        )

    @classmethod
    def from_gpt2(cls, folder=None):
        """GPT-2's tokenizer, from its tables.

        Parameters
        ----------
        folder : path-like, optional
            Holds ``encoder.json`` and ``vocab.bpe``, or ``vocab.json`` and ``merges.txt``. Without
            it they are looked for in the folder ``MINITRANSFORMER_DATA``, or downloaded.

        Raises
        ------
        FileNotFoundError, ValueError
            If a table is missing or not one.
        """
        return cls(**bpe_files.read_gpt2(folder))

    @classmethod
    def from_huggingface(cls, folder):
        """A tokenizer in Hugging Face's layout, as far as it is byte-level BPE.

        Parameters
        ----------
        folder : path-like
            Holds ``tokenizer.json``, or ``vocab.json`` and ``merges.txt``; which tokens start, end
            and pad a text is read from ``tokenizer_config.json`` where there is one.

        Raises
        ------
        FileNotFoundError
        ValueError
            If it is damaged, or does what this class cannot; the message names the key.
        """
        return cls(**bpe_files.read_huggingface(folder, PATTERNS))

    def encode(self, text) -> np.ndarray:
        """The ids of a text, or of bytes that need not be UTF-8.

        Names of special tokens in a text are text like any other. The token `prefix` comes first,
        where there is one, even for an empty text. Half of a surrogate pair in a
        string becomes the three bytes that UTF-8 would give it; a broken byte stays what it is.

        Parameters
        ----------
        text : str or bytes

        Returns
        -------
        ids : (n,) int64 array
        """
        errors = "surrogatepass"
        if isinstance(text, bytes | bytearray):
            errors = "surrogateescape"  # a character of no class for each broken byte
            text = text.decode("utf-8", errors)
        check_text(text)
        ids, added = list(self._added_tokens.prefix), self._added_tokens.added
        for part in self._added_tokens.parts(text):
            if part in added:
                ids.append(added[part])
                continue
            for piece in self._pattern.findall(part):
                content = piece.encode("utf-8", errors)
                ids += (self._cached if len(content) <= LONGEST_CACHED else self._merged)(content)
        return np.array(ids, dtype=np.int64)

    def _merged(self, piece: bytes) -> tuple[int, ...]:
        if piece in self._whole:
            return (self._whole[piece],)
        return tuple(merge_pairs([self._byte_ids[b] for b in piece], self._ranks, self._results))

    def decode_bytes(self, ids) -> bytes:
        """The bytes of `ids`, which may end within a character; special tokens are left out."""
        return b"".join(self._bytes[i] for i in self._kept(ids))

    def decode(self, ids) -> str:
        """The text of `ids`; U+FFFD where their bytes are not UTF-8."""
        return readable(self.decode_bytes(ids))

    @cached_property
    def tokens(self):
        """What each id stands for; bytes that are no whole character as ``\\xe2``."""
        return [
            name
            if name in self._specials
            else printable(content.decode("utf-8", "backslashreplace"))
            for name, content in zip(self._names, self._bytes, strict=True)
        ]

    def __len__(self):
        return len(self._bytes)

    def _content(self):
        named = {i: name for name, i in self._specials.items()}
        roles = {"pad": self.pad_id, "start": self.start_id, "end": self.end_id}
        return {
            "pattern": self._pattern_name,
            "ignore_merges": bool(self._whole),
            **self._added_tokens.content(),
            **{role: named.get(i) for role, i in roles.items()},
            "vocabulary": self._names,
            "merges": [" ".join(merge) for merge in self._merges],
        }

    @classmethod
    def _from_content(cls, content):
        names = check_tokens(content["vocabulary"])
        options = {
            key: content[key]
            for key in ("specials", "pad", "start", "end", "pattern", "ignore_merges")
        }
        options |= {key: content[key] for key in ("added", "prefix") if key in content}
        merges = bpe_files.split_merges(content["merges"], "merges")
        return cls({name: i for i, name in enumerate(names)}, merges, **options)


def _count_pieces(texts, pattern):
    find, counts = regex.compile(PATTERNS[pattern]).findall, Counter()
    for text in texts:
        check_text(text)
        counts.update(find(text))
    if not counts:
        raise ValueError("texts must hold at least one character: there is nothing to learn from")
    return {piece.encode("utf-8", "surrogatepass"): count for piece, count in counts.items()}
