"""Byte-pair encoding: learning which neighbouring symbols to merge, and merging them.

The most frequent pair of neighbouring symbols becomes a new symbol, and this is repeated. The first
symbols are the bytes, as in Radford et al. 2019 (GPT-2), section 2.2.

Source: Sennrich, Haddow and Birch, "Neural Machine Translation of Rare Words with Subword Units",
ACL 2016, section 3.2 and algorithm 1.
"""

from collections.abc import Mapping, Sequence
from heapq import heapify, heappop, heappush

N_BYTES = 256
# Not symbols: these mark the end of a piece, and a place whose symbol was merged to its left
BOUNDARY, MERGED = -1, -2


def learn_merges(pieces: Mapping[bytes, int], n_merges: int, min_count: int = 2):
    """The pairs to merge, most frequent first.

    Parameters
    ----------
    pieces : mapping of bytes to int
        How often each piece of text occurs. Nothing is merged across pieces.
    n_merges : int
        Maximum number of merges to learn.
    min_count : int
        Pairs that occur less often are not merged.

    Returns
    -------
    merges : list of (int, int)
        Symbols 0 to 255 are the bytes; merge k creates symbol 256 + k. Among equally frequent
        pairs, the one with the smaller symbols comes first.

    Notes
    -----
    Counting all pairs again after every merge would take time proportional to the number of merges
    times the length of the text. Here all pieces are in one linked list, the places of every pair
    are stored, and a merge changes only the counts of the neighbouring pairs. A place can be merged
    only once, so the number of merged places is at most the number of bytes in the distinct pieces,
    and the time is proportional to this number. The heap may contain counts that have decreased
    since; they are corrected when they reach the top. No count can have increased, because a pair
    gets new places only while the newer of its symbols is being created.
    """
    chain = _Chain(pieces)
    heap = [(-count, pair) for pair, count in chain.counts.items()]
    heapify(heap)
    merges = []
    while heap and len(merges) < n_merges:
        count, pair = heappop(heap)
        now = chain.counts[pair]
        if now != -count:
            heappush(heap, (-now, pair))
            continue
        if now < min_count:
            break
        for new in chain.merge(pair, N_BYTES + len(merges)):
            heappush(heap, (-chain.counts[new], new))
        merges.append(pair)
    return merges


class _Chain:
    """All pieces, one after the other, with the places and the counts of all pairs."""

    def __init__(self, pieces):
        self.symbols, self.weights = [BOUNDARY], [0]
        for piece, count in pieces.items():
            self.symbols += [*piece, BOUNDARY]
            self.weights += [count] * (len(piece) + 1)
        n = len(self.symbols)
        self.before, self.after = list(range(-1, n - 1)), list(range(1, n + 1))
        self.counts, self.places = {}, {}
        for i in range(1, n - 1):
            if self.symbols[i] != BOUNDARY and self.symbols[i + 1] != BOUNDARY:
                self._add((self.symbols[i], self.symbols[i + 1]), i)

    def _add(self, pair, place):
        self.counts[pair] = self.counts.get(pair, 0) + self.weights[place]
        self.places.setdefault(pair, []).append(place)

    def merge(self, pair, new):
        """Replace `pair` with the symbol `new` everywhere; return the pairs that this creates."""
        first, second = pair
        symbols, before, after = self.symbols, self.before, self.after
        created = set()
        for i in self.places.pop(pair):
            j = after[i]
            if symbols[i] != first or symbols[j] != second:  # changed by an earlier merge
                continue
            left, right = before[i], after[j]
            symbols[i], symbols[j] = new, MERGED
            after[i], before[right] = right, i
            if symbols[left] != BOUNDARY:
                self.counts[symbols[left], first] -= self.weights[i]
                self._add((symbols[left], new), left)
                created.add((symbols[left], new))
            if symbols[right] != BOUNDARY:
                self.counts[second, symbols[right]] -= self.weights[i]
                self._add((new, symbols[right]), i)
                created.add((new, symbols[right]))
        self.counts[pair] = 0
        return created


def merge_pairs(
    symbols: Sequence[int], ranks: Mapping[tuple[int, int], int], results: Sequence[int]
) -> list[int]:
    """Merge neighbours until no pair with a rank is left.

    In each round, the pair with the lowest rank is merged wherever it occurs, from left to right.
    For n symbols, the time is proportional to n log n.

    Parameters
    ----------
    symbols : sequence of int
        The symbols of one piece.
    ranks : mapping of (int, int) to int
        The order in which pairs are merged, lowest first.
    results : sequence of int
        Entry k is the symbol that the pair of rank k becomes.
    """
    symbols, n = list(symbols), len(symbols)
    before, after = list(range(-1, n - 1)), list(range(1, n + 1))
    heap = [
        (ranks[pair], i)
        for i, pair in enumerate(zip(symbols, symbols[1:], strict=False))
        if pair in ranks
    ]
    heapify(heap)
    while heap:
        rank, places = heap[0][0], []
        while heap and heap[0][0] == rank:
            places.append(heappop(heap)[1])
        for i in places:
            j = after[i]
            if j == n or ranks.get((symbols[i], symbols[j])) != rank:  # changed by an earlier merge
                continue
            left, right = before[i], after[j]
            symbols[i], symbols[j] = results[rank], MERGED
            after[i] = right
            if right < n:
                before[right] = i
            for k, m in ((left, i), (i, right)):
                if k >= 0 and m < n and (symbols[k], symbols[m]) in ranks:
                    heappush(heap, (ranks[symbols[k], symbols[m]], k))
    return [symbol for symbol in symbols if symbol != MERGED]


def in_order(vocabulary):
    """Tokens by id; ValueError unless the ids are 0 to V - 1."""
    names = sorted(vocabulary, key=vocabulary.get)
    if [vocabulary[name] for name in names] != list(range(len(names))):
        raise ValueError(
            f"the {len(names)} ids of the vocabulary must be 0 to {len(names) - 1}, each once"
        )
    return names


def id_of(vocabulary, name):
    """The id of a token; ValueError if there is none."""
    if name not in vocabulary:
        raise ValueError(f"the token {name!r} is missing")
    return vocabulary[name]


def ranked(merges, vocabulary):
    """Ranks of pairs of ids, and the ids they become; ValueError if a pair occurs twice."""
    ranks, results = {}, []
    for rank, (first, second) in enumerate(merges):
        if absent := [n for n in (first, second, first + second) if n not in vocabulary]:
            raise ValueError(f"merge {rank + 1}: the token {absent[0]!r} is missing")
        pair = vocabulary[first], vocabulary[second]
        if ranks.setdefault(pair, rank) != rank:
            raise ValueError(f"the pair {first!r} {second!r} is merged twice")
        results.append(vocabulary[first + second])
    return ranks, results
