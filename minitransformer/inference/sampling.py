r"""Choosing the next token: the most probable one, or one drawn from the model's distribution.

.. math:: p_v = \frac{e^{z_v / \tau}}{\sum_u e^{z_u / \tau}}

with logits z and temperature tau. `top_k` keeps the k most probable tokens. `top_p` keeps the
smallest set of most probable tokens whose total probability reaches p. The probabilities of the
tokens that are kept are normalised again. If both are given, top_p applies to the tokens that top_k
keeps. Of equally probable tokens, the one with the lower id comes first.

Source: top-k, Fan, Lewis and Dauphin 2018, section 5.4; top-p, Holtzman et al. 2020, section 3.1.
"""

from dataclasses import dataclass

import numpy as np

from minitransformer.checks import check_count, check_flag, check_number

BLOCK = 64
"""Number of neighbouring entries in one block of :func:`largest`."""


@dataclass(frozen=True)
class Sampling:
    """How a token is chosen.

    Attributes
    ----------
    greedy : bool
        Take the most probable token. The other settings must then have their defaults.
    temperature : float
        tau, above 0. Below 1, probable tokens become even more probable.
    top_k : int, optional
        Number of tokens to keep; all of them if the vocabulary is smaller.
    top_p : float, optional
        The total probability that the kept tokens must reach, above 0 and at most 1.
    """

    greedy: bool = False
    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None

    def checked(self):
        """The object itself; TypeError or ValueError if a setting is invalid."""
        check_flag("greedy", self.greedy)
        number = self.temperature
        if isinstance(number, int | float | np.number) and number <= 0:
            raise ValueError(
                f"temperature must be above 0, got {number}; "
                "use greedy=True to take the most probable token every time"
            )
        check_number("temperature", number, above=0)
        if self.top_k is not None:
            check_count("top_k", self.top_k)
        if self.top_p is not None:
            check_number("top_p", self.top_p, above=0, high=1)
        if self.greedy and (number != 1 or self.top_k is not None or self.top_p is not None):
            raise ValueError(
                "greedy must be False with temperature, top_k or top_p, got True: "
                "greedy decoding has no use for them"
            )
        return self

    def choose(self, logits, rngs):
        """Choose one token per row.

        Parameters
        ----------
        logits : (B, V) array
            -inf marks a token that must not be chosen. Each row has at least one other token.
        rngs : list of B Generators
            One number is drawn from each generator, or none if the choice is greedy.

        Returns
        -------
        ids : (B,) int64 array
        """
        if self.greedy:
            return logits.argmax(axis=-1)
        pairs = zip(logits, rngs, strict=True)
        return np.array([draw(*self.kept(row), rng.random()) for row, rng in pairs])

    def kept(self, logits):
        """The tokens that may be drawn, given the logits (V,) of one row, and their weights.

        Returns
        -------
        ids : (n,) int array, or None
            In ascending order; None means all tokens.
        weights : (n,) float64 array
            Proportional to the probabilities; the largest is 1.
        """
        ids = None
        if self.top_k is not None and self.top_k < len(logits):
            ids = largest(logits[None], self.top_k)[0]  # the most probable token first
        if self.top_p is not None and self.top_p < 1:
            ids = self._nucleus(logits, ids)
        if ids is not None:
            ids = np.sort(ids)
            logits = logits[ids]
        return ids, self._weights(logits, logits.max())

    def _weights(self, logits, highest):
        """exp((z - highest) / tau) in float64."""
        weights = logits.astype(np.float64)
        weights -= highest
        with np.errstate(over="ignore"):  # at a temperature near 0, where e^-inf = 0 is right
            weights /= self.temperature
        return np.exp(weights, out=weights)

    def _nucleus(self, logits, ids):
        """The fewest most probable tokens, best first, whose total probability reaches top_p."""
        highest = logits.max()
        if ids is not None:
            weights = self._weights(logits[ids], highest)
            return ids[: _reaching(weights, self.top_p * weights.sum())]
        needed, n = self.top_p * self._weights(logits, highest).sum(), 256
        # A few hundred tokens are usually enough, and sorting a whole large vocabulary is slow.
        while True:
            ids = largest(logits[None], min(n, len(logits)))[0]
            count = _reaching(self._weights(logits[ids], highest), needed)
            if count <= n or n >= len(logits):
                return ids[:count]
            n *= 8


def _reaching(weights, needed):
    """How many weights, counted from the first, it takes to reach a sum of at least `needed`."""
    return int(np.searchsorted(weights.cumsum(), needed)) + 1


def draw(ids, weights, u):
    """The token at which the running sum of the weights passes the fraction u, 0 <= u < 1."""
    sums = weights.cumsum()
    # u is at most 1 - 2^-53, so u times the sum is below the sum, even after rounding
    place = np.searchsorted(sums, u * sums[-1], side="right")
    return int(place if ids is None else ids[place])


def largest(x, k):
    """Indices of the k largest entries of each row, largest first; for ties, lower index first.

    Each row is cut into blocks. The k-th largest of the blocks' maxima is a lower bound of the k
    largest entries. Only the few entries that reach this bound are sorted. For 50,000 entries, this
    takes a quarter of the time of ``argpartition``, which breaks ties arbitrarily.

    Parameters
    ----------
    x : (B, V) array
    k : int
        At most V.

    Returns
    -------
    places : (B, k) int64 array
    """
    V = x.shape[-1]
    bounds = np.full(len(x), -np.inf)
    n_blocks = V // BLOCK
    if k <= n_blocks:
        maxima = x[:, : n_blocks * BLOCK].reshape(len(x), n_blocks, BLOCK).max(axis=-1)
        bounds = np.partition(maxima, n_blocks - k, axis=-1)[:, n_blocks - k]
    elif k < V:
        bounds = np.partition(x, V - k, axis=-1)[:, V - k]
    places = np.empty((len(x), k), dtype=np.int64)
    for row, bound, place in zip(x, bounds, places, strict=True):
        reached = np.flatnonzero(row >= bound)
        place[:] = reached[np.argsort(-row[reached], kind="stable")[:k]]
    return places
