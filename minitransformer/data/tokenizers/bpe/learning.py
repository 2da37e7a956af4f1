"""Learning a byte-level BPE table from texts."""

from collections import Counter

from minitransformer.checks import check_text
from minitransformer.data.tokenizers.bpe.byte_symbols import to_symbols
from minitransformer.data.tokenizers.bpe.merges import N_BYTES, learn_merges
from minitransformer.data.tokenizers.bpe.pieces import piece_finder


def learn_table(texts, n_merges, min_count, pattern):
    """Learn tokens and merges, written in byte symbols.

    Parameters
    ----------
    texts : iterable of str
        The texts in which pairs are counted.
    n_merges, min_count : int
        As in :func:`learn_merges`.
    pattern : str
        How a text is cut into pieces: a key of :data:`pieces.PATTERNS`.

    Returns
    -------
    tokens : list of str
        The 256 bytes, then the result of each merge.
    merges : list of (str, str)
        The pairs of tokens to merge, in order.
    """
    content = [bytes([byte]) for byte in range(N_BYTES)]
    pairs = learn_merges(count_pieces(texts, pattern), n_merges, min_count)
    for first, second in pairs:
        content.append(content[first] + content[second])
    tokens = [to_symbols(token) for token in content]
    return tokens, [(tokens[first], tokens[second]) for first, second in pairs]


def count_pieces(texts, pattern):
    """Count how often each piece occurs in `texts`; return a dict of bytes to int."""
    find, counts = piece_finder(pattern), Counter()
    for text in texts:
        counts.update(find(check_text(text)))
    if not counts:
        raise ValueError("texts must contain at least one character, got none")
    return {piece.encode("utf-8", "surrogatepass"): count for piece, count in counts.items()}
