r"""Which token comes next: the most probable one, or one drawn from the model's distribution.

.. math:: p_v = \frac{e^{z_v / \tau}}{\sum_u e^{z_u / \tau}}

with logits z and temperature tau. `top_k` keeps the k most probable tokens, `top_p` the smallest
set of the most probable ones whose probability reaches p; what is kept is normalised again. With
both, top_p looks at what top_k left. Of equally probable tokens the lower id comes first.

Source: top-k, Fan, Lewis and Dauphin 2018, section 5.4; top-p, Holtzman et al. 2020, section 3.1.
"""

from dataclasses import dataclass

import numpy as np

from minitransformer.checks import check_count, check_number

BLOCK = 64
"""Neighbours in one block of :func:`largest`."""


@dataclass(frozen=True)
class Sampling:
    """How a token is chosen.

    Attributes
    ----------
    greedy : bool
        Take the most probable token; the other settings must then stay as they are.
    temperature : float
        Above 0. Below 1 the probable tokens become more probable.
    top_k : int, optional
        More than there are tokens: all of them.
    top_p : float, optional
        Above 0, at most 1.
    """

    greedy: bool = False
    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None

    def checked(self):
        """Itself, when every setting is one that can be; TypeError or ValueError otherwise."""
        if not isinstance(self.greedy, bool | np.bool_):
            raise TypeError(f"greedy must be True or False, got {self.greedy!r}")
        number = self.temperature
        if isinstance(number, int | float | np.number) and number <= 0:
            raise ValueError(
                f"temperature must be above 0, got {number}; "
                "for the most probable token every time say greedy=True"
            )
        check_number("temperature", number, above=0)
        if self.top_k is not None:
            check_count("top_k", self.top_k)
        if self.top_p is not None:
            check_number("top_p", self.top_p, above=0, high=1)
        if self.greedy and (number != 1 or self.top_k is not None or self.top_p is not None):
            raise ValueError(
                "greedy=True takes the most probable token: leave out temperature, top_k and top_p"
            )
        return self

    def choose(self, logits, rngs):
        """One token for each row.

        Parameters
        ----------
        logits : (B, V) array
            -inf: a token that may not be chosen; each row has one that may.
        rngs : list of B Generators
            Each gives one number; not used where the choice is greedy.

        Returns
        -------
        ids : (B,) int64 array
        """
        if self.greedy:
            return logits.argmax(axis=-1)
        pairs = zip(logits, rngs, strict=True)
        return np.array([draw(*self.kept(row), rng.random()) for row, rng in pairs])

    def kept(self, logits):
        """The tokens of one row, (V,), that may be drawn, and their weights; ids ascend.

        Returns
        -------
        ids : (n,) int array, or None
            None: every token, in order.
        weights : (n,) float64 array
            In proportion to the probabilities; the largest is 1.
        """
        ids = None
        if self.top_k is not None and self.top_k < len(logits):
            ids = largest(logits[None], self.top_k)[0]  # the most probable first
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
        with np.errstate(over="ignore"):  # at a temperature next to 0: e^-inf = 0 is right
            weights /= self.temperature
        return np.exp(weights, out=weights)

    def _nucleus(self, logits, ids):
        """The fewest of the most probable tokens, best first, that hold the share top_p."""
        highest = logits.max()
        if ids is not None:
            weights = self._weights(logits[ids], highest)
            return ids[: _reaching(weights, self.top_p * weights.sum())]
        share, n = self.top_p * self._weights(logits, highest).sum(), 256
        # A few hundred tokens mostly are enough, and sorting all of a large vocabulary is slow.
        while True:
            ids = largest(logits[None], min(n, len(logits)))[0]
            count = _reaching(self._weights(logits[ids], highest), share)
            if count <= n or n >= len(logits):
                return ids[:count]
            n *= 8


def _reaching(weights, share):
    """How many of the first weights it takes for their sum to be at least `share`."""
    return int(np.searchsorted(weights.cumsum(), share)) + 1


def draw(ids, weights, u):
    """The token at which the sum of the weights passes the share u, 0 <= u < 1."""
    sums = weights.cumsum()
    # u is at most 1 - 2^-53, so u * sum is below the sum even when it is rounded
    place = np.searchsorted(sums, u * sums[-1], side="right")
    return int(place if ids is None else ids[place])


def largest(x, k):
    """Where the k largest entries of each row stand, the largest first, ties by the lower index.

    The k-th largest of the maxima of blocks is a lower bound of what is looked for, and one that
    few entries reach: only these are sorted. For 50,000 entries that takes a quarter of the time of
    ``argpartition``, which besides decides ties as it happens.

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
