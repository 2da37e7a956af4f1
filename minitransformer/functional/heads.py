r"""Heads: split the features into heads, merge them again, and repeat heads for groups."""

from minitransformer.backend import array_module


def split_heads(x, n_heads):
    r"""Split the features into heads, and move the head axis next to the batch axis.

    .. math:: (B, T, H E) \to (B, T, H, E) \to (B, H, T, E)

    Reshaping alone would be wrong. The features of one token are adjacent in memory, so the head
    axis is first split off the last axis, and only then exchanged with the time axis.

    Parameters
    ----------
    x : (B, T, D) array
        Features of each token.
    n_heads : int
        The number of heads, H, which must divide D.

    Returns
    -------
    heads : (B, H, T, E) array
        A view of x, with E = D / H.

    Raises
    ------
    ValueError
        If x does not have three axes, or H does not divide D.

    Source: Vaswani et al. 2017, section 3.2.2.
    """
    if x.ndim != 3:
        raise ValueError(f"x must be (B, T, D), got shape {x.shape}")
    B, T, D = x.shape
    if n_heads < 1 or D % n_heads or D == 0:
        raise ValueError(f"n_heads must divide D = {D}, got {n_heads}")
    return x.reshape(B, T, n_heads, D // n_heads).transpose(0, 2, 1, 3)


def split_heads_backward(dy):
    r"""Vector-Jacobian product of :func:`split_heads`: :func:`merge_heads`.

    Parameters
    ----------
    dy : (B, H, T, E) array
        Gradient of the loss with respect to the heads.

    Returns
    -------
    dx : (B, T, D) array

    Derivation: docs/derivations/split_heads.md, equation (5).
    Notebook: notebooks/07_heads_and_masks.ipynb.
    """
    return merge_heads(dy)


def merge_heads(x):
    r"""Put the heads side by side again: the paper's concatenation.

    .. math:: (B, H, T, E) \to (B, T, H, E) \to (B, T, H E)

    Parameters
    ----------
    x : (B, H, T, E) array
        The heads.

    Returns
    -------
    y : (B, T, D) array
        D = H E.

    Raises
    ------
    ValueError
        If x does not have four axes.

    Source: Vaswani et al. 2017, section 3.2.2, Concat.
    """
    if x.ndim != 4:
        raise ValueError(f"x must be (B, H, T, E), got shape {x.shape}")
    B, H, T, E = x.shape
    return x.transpose(0, 2, 1, 3).reshape(B, T, H * E)


def merge_heads_backward(dy, n_heads):
    r"""Vector-Jacobian product of :func:`merge_heads`: :func:`split_heads`.

    Parameters
    ----------
    dy : (B, T, D) array
        Gradient of the loss with respect to the merged heads.
    n_heads : int
        The number of heads, H.

    Returns
    -------
    dx : (B, H, T, E) array
        A view of dy.

    Derivation: docs/derivations/merge_heads.md, equation (5).
    Notebook: notebooks/07_heads_and_masks.ipynb.
    """
    return split_heads(dy, n_heads)


def repeat_kv(x, Q):
    """Repeat the heads of keys or values, so that each query head of `Q` has its own."""
    if x.ndim < 3 or x.shape[-3] == Q.shape[-3]:
        return x
    return array_module(x).repeat(x, Q.shape[-3] // x.shape[-3], axis=-3)


def sum_groups(dx, like):
    """The backward pass of :func:`repeat_kv`: sum the gradients of the copies of each head.

    `like` is the array that was repeated.
    """
    if dx.shape == like.shape:
        return dx
    group = dx.shape[-3] // like.shape[-3]
    return dx.reshape(*like.shape[:-2], group, *like.shape[-2:]).sum(axis=-3)
