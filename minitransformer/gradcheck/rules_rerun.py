"""Faults that disappear when the check is run again with an input made trivial."""

from __future__ import annotations

import numpy as np

GAINS = ("gamma", "gain", "scale", "weight", "g")
"""What the gain of a norm is usually called."""


def mask_forgotten(fault):
    """The gradient is right if nothing is masked."""
    masks = {key: mask for key, mask in fault.arrays("b").items() if mask.size and not mask.all()}
    if masks and fault.right_with({key: np.ones_like(mask) for key, mask in masks.items()}):
        return (
            f"right when {', '.join(masks)} is True everywhere: the backward pass forgets the "
            "mask, or counts masked positions"
        )
    return None


def dropout_forgotten(fault):
    """The gradient is right if nothing is dropped."""
    keep = fault.inputs.get("keep")
    if keep is not None and fault.right_with({"keep": np.ones_like(keep)}):
        return (
            "right when keep is 1 everywhere: the backward pass forgets the dropout mask, or "
            "confuses the weights before dropout with those after it"
        )
    if fault.inputs.get("dropout_seed") is not None and fault.right_with({"dropout_seed": None}):
        return (
            "right without dropout: the backward pass forgets a dropout mask, or confuses the "
            "weights before dropout with those after it"
        )
    return None


def gamma_not_one(fault):
    """The gradient is right only if every gain is 1, as at initialisation."""
    gains = {
        key: gain
        for key, gain in fault.arrays("f").items()
        if key.split(".")[-1] in GAINS and gain.ndim == 1 and not (gain == 1).all()
    }
    if gains and fault.right_with({key: np.ones_like(gain) for key, gain in gains.items()}):
        return (
            f"right only at {', '.join(gains)} = 1: {next(iter(gains))} is left out, or it is "
            "outside the sums instead of multiplying the upstream gradient inside them"
        )
    return None


def batch_of_one(fault):
    """The gradient is right for a batch of one example."""
    arrays = fault.arrays("fbiu")
    first = next(iter(arrays), None)
    if first is None or not arrays[first].ndim or arrays[first].shape[0] < 2:
        return None
    size = arrays[first].shape[0]
    cut = {
        key: value[:1].copy()
        for key, value in arrays.items()
        if value.ndim
        and value.shape[0] == size
        and (key == first or value.ndim > 2 or value.dtype.kind != "f")
    }
    if fault.right_with(cut):
        return (
            f"right for a batch of 1 (here {size}): examples are mixed, or a sum over the batch "
            "axis is missing, is one too many, or is replaced by a reshape"
        )
    return None


RULES = (mask_forgotten, dropout_forgotten, gamma_not_one, batch_of_one)
