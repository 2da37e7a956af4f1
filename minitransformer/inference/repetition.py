"""Two ways to discourage repetition: a penalty on tokens, and a ban on repeated n-grams."""

from dataclasses import dataclass

import numpy as np

from minitransformer.checks import check_count, check_number

PENALTIES = (1e-6, 1e6)
"""Minimum and maximum penalty. Outside them, a changed logit may leave the range of float32."""


@dataclass(frozen=True)
class Repetition:
    r"""Changes to the logits that depend on the tokens so far, including those of the prompt.

    The penalty theta makes every token that has occurred less likely:

    .. math:: z_v \leftarrow z_v / \theta \text{ if } z_v > 0, \quad z_v \theta \text{ otherwise}

    Attributes
    ----------
    penalty : float
        theta, from 1e-6 to 1e6; 1 changes nothing.
    no_repeat_ngram : int, optional
        n: no n-gram of this length may occur twice.

    Source: the penalty, Keskar et al. 2019 (CTRL), section 4.1. The second case is the usual
    correction: division would make a token with a negative logit more likely.
    """

    penalty: float = 1.0
    no_repeat_ngram: int | None = None

    def checked(self):
        """The object itself; TypeError or ValueError if a setting is invalid."""
        check_number("repetition_penalty", self.penalty, *PENALTIES)
        if self.no_repeat_ngram is not None:
            check_count("no_repeat_ngram", self.no_repeat_ngram)
        return self

    def __bool__(self):
        return self.penalty != 1 or self.no_repeat_ngram is not None

    def apply(self, logits, histories):
        """The changed logits, given the tokens of each row so far.

        Parameters
        ----------
        logits : (B, V) array
            The array is not modified.
        histories : list of B int arrays
            The tokens of each row so far.

        Returns
        -------
        (B, V) array
            In float32 or float64, with -inf for forbidden tokens.
        """
        logits = logits.astype(np.result_type(logits.dtype, np.float32))  # a copy
        for z, history in zip(logits, histories, strict=True):
            if self.penalty != 1:
                seen = np.unique(history)
                z[seen] = np.where(z[seen] > 0, z[seen] / self.penalty, z[seen] * self.penalty)
            if self.no_repeat_ngram is not None:
                z[repeating(history, self.no_repeat_ngram)] = -np.inf
        return logits


def repeating(history, n):
    """The tokens that would complete an n-gram that already occurs.

    Parameters
    ----------
    history : (T,) int array
        The tokens so far.
    n : int
        Length of the n-grams.

    Returns
    -------
    tokens : (m,) int array
    """
    if len(history) < n:
        return history[:0]
    ngrams = np.lib.stride_tricks.sliding_window_view(history, n)
    last = history[len(history) - n + 1 :]  # the n - 1 tokens before the next one
    return ngrams[(ngrams[:, :-1] == last).all(axis=1), -1]
