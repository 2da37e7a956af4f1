"""The state of one beam search: its beams, the texts that have ended, and how they are ranked."""

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Rules:
    """The arguments of :func:`beam_search` that are the same for all searches of a call."""

    beams: int
    alpha: float
    end_ids: tuple
    no_repeat_ngram: int | None

    @property
    def n_candidates(self):
        """How many of the best candidates are enough to find K that do not end a text.

        Each end token can end each beam, so for one end token, half of 2K candidates remain.
        """
        return self.beams * (1 + max(1, len(self.end_ids)))

    def score(self, log_probability, length):
        """s(y) of a text of `length` tokens."""
        return log_probability / ((5 + length) / 6) ** self.alpha


@dataclass
class Search:
    """The search for one text.

    Attributes
    ----------
    number : int
        Index of the prompt.
    prompt : (T,) int array
        The tokens before the text: the prompt, or the start token.
    limit : int
        Maximum number of tokens in the text.
    written : (k, t) int64 array
        The k beams, best first.
    log_probabilities : (k,) float64 array
        The log-probability of each beam.
    ended : list of (float, int64 array)
        Score and tokens of the texts that have ended, at most K of them, best first.
    """

    number: int
    prompt: np.ndarray
    limit: int
    written: np.ndarray = field(default_factory=lambda: np.empty((1, 0), dtype=np.int64))
    log_probabilities: np.ndarray = field(default_factory=lambda: np.zeros(1))
    ended: list = field(default_factory=list)

    def step(self, candidates, log_p, rules):
        """Extend the beams with the best candidates.

        Parameters
        ----------
        candidates : (k, n) int array
            For each beam, the tokens that may follow, best first.
        log_p : (k, n) float64 array
            Their log-probabilities.
        rules : Rules

        Returns
        -------
        parents : (k',) int array
            Index of the old beam that each new beam extends. Empty when the search is over.
        """
        total = self.log_probabilities[:, None] + log_p
        order = np.argsort(-total, axis=None, kind="stable")
        order = order[: rules.n_candidates]
        order = order[total.flat[order] > -np.inf]
        if not len(order):
            return order  # every token is forbidden: the beams stay as they are
        beam, tokens = order // candidates.shape[1], candidates.flat[order]
        total = total.flat[order]
        ends = np.isin(tokens, rules.end_ids)
        length = self.written.shape[1] + 1
        # A text ends only if its end token is among the K best candidates: otherwise it is not kept
        for place in np.flatnonzero(ends[: rules.beams]):
            self.ended.append((rules.score(total[place], length), self.written[beam[place]]))
        self.ended = sorted(self.ended, key=lambda text: -text[0])[: rules.beams]
        chosen = np.flatnonzero(~ends)[: rules.beams]
        parents = beam[chosen]
        self.written = np.concatenate([self.written[parents], tokens[chosen, None]], axis=1)
        self.log_probabilities = total[chosen]
        return parents[:0] if self._is_over(rules) else parents

    def _is_over(self, rules):
        length = self.written.shape[1]
        if length == self.limit or not len(self.written):
            return True
        present = rules.score(self.log_probabilities[0], length)
        return len(self.ended) == rules.beams and present <= self.ended[-1][0]

    def best(self, rules):
        """Score and tokens of the best text."""
        if self.ended:
            return self.ended[0]
        return rules.score(self.log_probabilities[0], self.written.shape[1]), self.written[0]
