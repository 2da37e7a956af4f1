"""What keeps a text from going round in circles."""

from dataclasses import dataclass

import numpy as np

from minitransformer.checks import check_count, check_number

PENALTIES = (1e-6, 1e6)
"""The penalties that are allowed: beyond them a changed logit may leave the range of float32."""


@dataclass(frozen=True)
class Repetition:
    r"""Changes to the logits that depend on the tokens so far, the prompt's included.

    The penalty theta makes a token that has occurred less likely:

    .. math:: z_v \leftarrow z_v / \theta \text{ if } z_v > 0, \quad z_v \theta \text{ otherwise}

    Attributes
    ----------
    penalty : float
        theta, from 1e-6 to 1e6; 1 changes nothing.
    no_repeat_ngram : int, optional
        n: no n tokens in a row may occur twice.

    Source: the penalty, Keskar et al. 2019 (CTRL), section 4.1, with the usual second case: a
    negative logit divided by theta would become more likely.
    """

    penalty: float = 1.0
    no_repeat_ngram: int | None = None

    def checked(self):
        """Itself, when both settings are ones that can be; TypeError or ValueError otherwise."""
        check_number("repetition_penalty", self.penalty, *PENALTIES)
        if self.no_repeat_ngram is not None:
            check_count("no_repeat_ngram", self.no_repeat_ngram)
        return self

    def __bool__(self):
        return self.penalty != 1 or self.no_repeat_ngram is not None

    def apply(self, logits, histories):
        """The logits as changed by what each row has written.

        Parameters
        ----------
        logits : (B, V) array
            Not changed itself.
        histories : list of B int arrays

        Returns
        -------
        (B, V) array
            In float32 or float64; -inf for what is forbidden.
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
    """Tokens that, written next, would repeat n tokens in a row.

    Parameters
    ----------
    history : (T,) int array
    n : int

    Returns
    -------
    tokens : (m,) int array
    """
    if len(history) < n:
        return history[:0]
    ngrams = np.lib.stride_tricks.sliding_window_view(history, n)
    last = history[len(history) - n + 1 :]  # what the next token would complete
    return ngrams[(ngrams[:, :-1] == last).all(axis=1), -1]
