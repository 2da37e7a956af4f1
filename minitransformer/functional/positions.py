r"""Tables of positions, added to the embeddings."""

import numpy as np


def _check(max_len, d_model):
    if max_len < 0 or d_model < 1:
        raise ValueError(f"need max_len >= 0 and d_model >= 1, got {max_len} and {d_model}")


def sinusoidal_positions(max_len, d_model, dtype=np.float64):
    r"""Sines and cosines of geometrically growing wavelength.

    .. math:: P_{pos,\,2i} = \sin\big(pos / 10000^{2i/D}\big), \qquad
        P_{pos,\,2i+1} = \cos\big(pos / 10000^{2i/D}\big)

    An odd D simply ends with a sine. For a fixed offset k, position pos + k is a rotation of
    position pos, so relative distance is a linear function of the encoding.

    Parameters
    ----------
    max_len : int
        Number of positions.
    d_model : int
        D, odd or even.
    dtype : dtype
        Of the result; the angles are computed in float64 whatever it is.

    Returns
    -------
    P : (max_len, d_model) array

    Source: Vaswani et al. 2017, section 3.5.
    """
    _check(max_len, d_model)
    pos = np.arange(max_len)[:, None]
    two_i = np.arange(0, d_model, 2)
    angle = pos / 10000 ** (two_i / d_model)
    P = np.empty((max_len, d_model))
    P[:, 0::2] = np.sin(angle)
    P[:, 1::2] = np.cos(angle[:, : d_model // 2])
    return P.astype(dtype)


def scalar_positions(max_len, d_model, dtype=np.float64):
    r"""One number for each position, the same in every feature.

    .. math:: P(pos) = \begin{cases} pos / 10000 & pos \le 10000 \\
        1 / pos & pos > 10000 \end{cases}

    An introductory text gives this encoding, and it is implemented here as written, to be
    compared. It carries little: neighbours differ by 1/10000, far less than embeddings do, and
    every feature gets the same number, a direction that layer norm's mean removes. And it jumps:
    from 1 at position 10000 to 1/10001 at the next, so late positions look like the first.

    Parameters
    ----------
    max_len : int
        Number of positions.
    d_model : int
        D, the number of features over which the number is repeated.
    dtype : dtype

    Returns
    -------
    P : (max_len, d_model) array
    """
    _check(max_len, d_model)
    pos = np.arange(max_len, dtype=np.float64)
    P = np.where(pos <= 10000, pos / 10000, 1 / np.maximum(pos, 1))
    return np.repeat(P[:, None], d_model, axis=1).astype(dtype)
