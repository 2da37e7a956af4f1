"""Random inputs of random shapes, one function per kind of pair: ``example(rng, **sizes)``.

You can fix a size by its letter. All other sizes are drawn at random and are small, so that a check
by difference quotients stays cheap.
"""

import numpy as np

from minitransformer.functional.dropout import dropout_mask


def _size(rng, sizes, letter, high=4):
    """The size named `letter` if it is given, otherwise a random one from 1 to `high`."""
    return sizes[letter] if letter in sizes else int(rng.integers(1, high + 1))


def _sizes(rng, sizes, letters):
    return tuple(_size(rng, sizes, letter) for letter in letters)


def _keep(rng, shape, p=0.3):
    return dropout_mask(rng, shape, p, np.float64)


def array(rng, **sizes):
    """x (B, T, D), for functions of one array."""
    return {"x": rng.standard_normal(_sizes(rng, sizes, "BTD"))}


def away_from_zero(rng, **sizes):
    """x (B, T, D), with no entry near the kink at 0."""
    x = rng.standard_normal(_sizes(rng, sizes, "BTD"))
    return {"x": x + 0.1 * np.sign(x)}


def gated(rng, **sizes):
    """gate and up (B, T, D), the two projections of a gated unit."""
    shape = _sizes(rng, sizes, "BTD")
    return {"gate": rng.standard_normal(shape), "up": rng.standard_normal(shape)}


def linear(rng, *, thirds=1, **sizes):
    B, T, D, F = _sizes(rng, sizes, "BTDF")
    F *= thirds
    return {
        "x": rng.standard_normal((B, T, D)),
        "W": rng.standard_normal((D, F)),
        "b": rng.standard_normal(F),
    }


def norm(rng, *, shift=False, **sizes):
    B, T = _sizes(rng, sizes, "BT")
    D = _size(rng, sizes, "D", 6)
    scales = {name: rng.standard_normal(D) for name in ("gamma", "beta")[: 1 + shift]}
    # Rows with both signs and nothing near 0, because a norm amplifies rounding by |x| / sigma.
    signs = rng.permuted(np.broadcast_to((-1.0) ** np.arange(D), (B, T, D)), axis=-1)
    return {"x": 0.25 + signs * rng.uniform(0.5, 3.0, (B, T, D)), **scales}


def dropout(rng, **sizes):
    x = rng.standard_normal(_sizes(rng, sizes, "BTD"))
    return {"x": x, "keep": _keep(rng, x.shape)}


def embedding(rng, **sizes):
    B, T, D, V = _sizes(rng, sizes, "BTDV")
    return {"ids": rng.integers(0, V, (B, T)), "W": rng.standard_normal((V, D))}


def attention(rng, **sizes):
    """Q, K, V with grouped heads, a random mask (whole rows may be False), dropout and a bias."""
    B, T, S, E, G, group = (_size(rng, sizes, name, 3) for name in ("B", "T", "S", "E", "G", "H/G"))
    scores = (B, G * group, T, S)
    inputs = {
        "Q": rng.standard_normal((B, G * group, T, E)),
        "K": rng.standard_normal((B, G, S, E)),
        "V": rng.standard_normal((B, G, S, E)),
    }
    if sizes.get("mask", rng.random() < 0.7):
        mask_shape = scores if rng.random() < 0.5 else (B, 1, 1, S)
        inputs["mask"] = rng.random(mask_shape) < sizes.get("share", 0.7)
    if rng.random() < 0.5:
        inputs["keep"] = _keep(rng, scores)
    if rng.random() < 0.5:
        inputs["bias"] = rng.standard_normal(scores[1:])
    # If the mask has fewer axes, only the first text, or the first head, is used.
    for _ in range(4 - sizes.get("axes", 4)):
        inputs = {name: x[0] if x.ndim > 2 else x for name, x in inputs.items()}
    return inputs


def tiled_attention(rng, **sizes):
    """The inputs of attention, and a block of a few queries; dropout is drawn from a seed."""
    inputs = attention(rng, **sizes)
    if inputs.pop("keep", None) is not None:
        inputs |= {"dropout": 0.3, "seed": int(rng.integers(1 << 30))}
    return inputs | {"block": _size(rng, sizes, "block", 3)}


def split(rng, **sizes):
    B, T, E, H = _sizes(rng, sizes, "BTEH")
    return {"x": rng.standard_normal((B, T, H * E)), "n_heads": H}


def rotary(rng, **sizes):
    """x (B, H, T, E) or (T, E), and random angles: per token, or per token of each text.

    Any angles will do. Only those in :func:`rotary_tables` grow with the position.
    """
    B, T, H = _sizes(rng, sizes, "BTH")
    half = _size(rng, sizes, "E/2", 3)
    x = rng.standard_normal((B, H, T, 2 * half))
    if sizes.get("axes", 4) == 2:
        return {"x": x[0, 0]} | _turns(rng, (T, half))
    rows = sizes.get("rows", rng.random() < 0.5)
    return {"x": x} | _turns(rng, (B, 1, T, half) if rows else (T, half))


def _turns(rng, shape):
    angle = rng.uniform(-np.pi, np.pi, shape)
    return {"cos": np.cos(angle), "sin": np.sin(angle)}


def cross_entropy(rng, **sizes):
    """Logits with ignored positions, class weights and label smoothing, each in half the cases."""
    B, T = _sizes(rng, sizes, "BT")
    C = _size(rng, sizes, "C", 5)
    inputs = {"logits": 2 * rng.standard_normal((B, T, C)), "targets": rng.integers(0, C, (B, T))}
    if rng.random() < 0.5:
        inputs["label_smoothing"] = 0.2
    if rng.random() < 0.5:
        inputs["class_weights"] = rng.uniform(0.5, 2.0, C)
    if rng.random() < sizes.get("ignored", 0.5):
        ignored = rng.random((B, T)) < sizes.get("ignored", 0.3)
        inputs |= {"targets": np.where(ignored, -100, inputs["targets"]), "ignore_index": -100}
    return inputs


def squared_error(rng, **sizes):
    shape = _sizes(rng, sizes, "BTD")
    return {"y": rng.standard_normal(shape), "target": rng.standard_normal(shape)}


def pool(rng, **sizes):
    B, T, D = _sizes(rng, sizes, "BTD")
    # Multiples of 0.1 in random order: the small steps of a difference quotient leave the maximum
    # where it is.
    x = 0.1 * rng.permuted(np.arange(B * T * D)).reshape(B, T, D)
    inputs = {"x": x - 0.05 * B * T * D}
    if sizes.get("mask", rng.random() < 0.7):
        inputs["mask"] = rng.random((B, T)) < sizes.get("share", 0.7)
    return inputs


def merged(rng, **sizes):
    """x (B, H, T, E), heads to be merged."""
    return {"x": rng.standard_normal(_sizes(rng, sizes, "BHTE"))}


def with_fixed(example, **fixed):
    """An example with additional inputs that are always the same."""
    return lambda rng, **sizes: example(rng, **sizes) | fixed
