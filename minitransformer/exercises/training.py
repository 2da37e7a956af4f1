"""Notebooks 8 to 10: dropout, the steps of two optimisers, pooling."""

import math

import numpy as np

from minitransformer.exercises.cases import BATCH, BATCH_OF_ONE, SINGLE, SMALL, Variant
from minitransformer.exercises.steps import adamw_step, sgd_momentum_step
from minitransformer.exercises.tables import alone, backward, forward

BLOCK, OPTIMISERS, CLASSIFIER = "08_the_block", "09_optimisers", "10_classifier"


def _mask_arguments(p, dtype=np.float64):
    def drawn(inputs, rng):
        return {"rng": np.random.default_rng(int(rng.integers(1 << 30))), "shape": (40, 50),
                "p": p, "dtype": dtype}
    return drawn


def judge_mask(case, values):
    """What is wrong with a dropout mask, in words: chance decides it, its laws do not."""
    c, keep = case.names, values["keep"]
    if not hasattr(keep, "dtype"):
        return f"it returns a {type(keep).__name__}; an array is expected"
    if keep.shape != c.shape:
        return f"keep has the shape {keep.shape}; it should be {c.shape}"
    if keep.dtype != c.dtype:
        return f"keep has the dtype {keep.dtype}; it should be the argument dtype, {c.dtype.__name__}"
    share, found = float((keep != 0).mean()), np.unique(keep)
    right = 1 / (1 - c.p)
    if found.min() < 0 or len(found) > 2:
        return "the entries should be 0 or 1 / (1 - p), and nothing else: is it a comparison?"
    expected = 5 * math.sqrt(max(c.p * (1 - c.p), 1e-9) / keep.size)
    top = float(found.max())
    if abs(share - c.p) < expected < abs(share - 1 + c.p):
        return "p is the probability of dropping an entry: here entries are kept with probability p"
    if abs(share - 1 + c.p) > expected:
        return f"a share of {share:.3f} is kept; it should be 1 - p = {1 - c.p:.3f}"
    if abs(top - right) < 1e-3 * right:
        return None
    if abs(top - 1) < 1e-6:
        return "what is kept should be divided by 1 - p, so that the expected value stays the same"
    if c.p and abs(top - 1 / c.p) < 1e-3 / c.p:
        return "divided by p: what is kept is divided by 1 - p"
    if abs(top - 1 + c.p) < 1e-3:
        return "multiplied by 1 - p: what is kept is divided by it"
    return f"what is kept is {top:.4g}; it should be 1 / (1 - p) = {right:.4g}"


def _state(t):
    """Arguments of a step: parameters, gradient, and a state that has seen t - 1 steps."""

    def drawn(sizes, rng):
        theta, g, m = rng.standard_normal((3, 6))
        return {
            "theta": theta, "g": g, "m": m, "v": rng.random(6), "t": t, "lr": 0.1, "beta1": 0.9,
            "beta2": 0.99, "eps": 1e-3, "weight_decay": 0.05,
        }

    return drawn


def _moment(sizes, rng):
    theta, g, v = rng.standard_normal((3, 6))
    return {"theta": theta, "g": g, "v": v, "lr": 0.1, "beta": 0.8}


def _mv(c):
    m = c.beta1 * c.m + (1 - c.beta1) * c.g
    return m, c.beta2 * c.v + (1 - c.beta2) * c.g * c.g


def _adam(c, m=None, v=None, correct=True, eps_inside=False, decay="decoupled", t=None):
    """theta of AdamW with what may go wrong as arguments."""
    t = c.t if t is None else t
    first, second = _mv(c)
    m, v = first if m is None else m, second if v is None else v
    if correct:
        m, v = m / (1 - c.beta1**t), v / (1 - c.beta2**t)
    root = np.sqrt(v + c.eps) if eps_inside else np.sqrt(v) + c.eps
    shrink = c.lr * c.weight_decay * c.theta if decay == "decoupled" else 0
    return c.theta - shrink - c.lr * m / root


def _coupled(c):
    """Adam with L2: the decay is added to the gradient."""
    g = c.g + c.weight_decay * c.theta
    m, v = c.beta1 * c.m + (1 - c.beta1) * g, c.beta2 * c.v + (1 - c.beta2) * g * g
    return {"theta": _adam(c, m, v, decay=None), "m": m, "v": v}


def _adam_parts(c):
    m, v = _mv(c)
    step = (m / (1 - c.beta1**c.t)) / (np.sqrt(v / (1 - c.beta2**c.t)) + c.eps)
    return {
        "theta": {"theta": c.theta - c.lr * c.weight_decay * c.theta, "- lr m_hat / ...":
                  -c.lr * step},
        "m": {"beta1 m": c.beta1 * c.m, "(1 - beta1) g": (1 - c.beta1) * c.g},
        "v": {"beta2 v": c.beta2 * c.v, "(1 - beta2) g^2": (1 - c.beta2) * c.g**2},
    }


WITHOUT_TOKENS = Variant(
    "a text without a token", {"mask": True}, ("mask",),
    lambda i, rng: i | {"mask": np.arange(len(i["x"]))[:, None] > 0 * i["mask"] },
    "right where every text has a token; one without any gives 0: divide by at least 1",
)
MASKED = Variant(
    "padding", {"mask": True}, ("mask",),
    lambda i, rng: i | {"mask": np.arange(i["x"].shape[1]) < [[2], [5], [4]]},
    "right without padding; padded tokens do not count, neither in the sum nor in the number",
)
POOL_CASES = (BATCH_OF_ONE, BATCH, SMALL, SINGLE, MASKED, WITHOUT_TOKENS)


def _where(c):
    mask = getattr(c, "mask", None)
    length = c.length if hasattr(c, "length") else c.x.shape[1]
    return np.ones((len(c.dy), length), bool) if mask is None else mask


def _first(c):
    mask = _where(c)
    return (mask & (mask.cumsum(axis=1) == 1))[..., None]


def _spread(c, weights):
    return weights * c.dy[:, None, :]


EXERCISES = [
    alone(
        "dropout_mask", ("keep",), BLOCK,
        (
            "Draw one random number for each entry, rng.random(shape), and compare.",
            "An entry is dropped with probability p: it is kept where the number is at least p.",
            "Turn the comparison into `dtype`, and divide by 1 - p so that the expected value stays.",
        ),
        example=lambda sizes, rng: {}, judge=judge_mask,
        variants=(
            Variant("p = 0.3", adjust=_mask_arguments(0.3)),
            Variant("p = 0.8", adjust=_mask_arguments(0.8)),
            Variant("p = 0", adjust=_mask_arguments(0.0),
                    blame="wrong where nothing is dropped: every entry is 1 then"),
            Variant("float32", adjust=_mask_arguments(0.3, np.float32)),
        ),
    ),
    backward(
        "dropout_backward", ("dx",), BLOCK,
        (
            "y = x keep: for this mask it is a product with a constant.",
            "Use the mask of the forward pass, not a new one. Is 1 / (1 - p) in it already?",
            "One product of two arrays, dy and keep.",
        ),
        variants=tuple(
            Variant(v.label, v.sizes, ("keep",), blame=v.blame, dtype=v.dtype)
            for v in (BATCH_OF_ONE, BATCH, SMALL, SINGLE)
        ),
        mistakes={
            "dropped entries pass: where keep is 0 nothing comes back": lambda c: c.dy,
            "the factor 1 / (1 - p), which stands in keep, is missing": lambda c: (
                c.dy * (c.keep > 0)),
            "1 / (1 - p) stands in keep already: it is applied twice": lambda c: (
                c.dy * c.keep * c.keep.max()),
            "keep is applied twice": lambda c: c.dy * c.keep**2,
            "the upstream gradient is not used": lambda c: c.keep,
            "the mask is the wrong way round: what was dropped gets the gradient": lambda c: (
                c.dy * (c.keep == 0)),
            "the mask is the wrong way round, with its factor": lambda c: (
                c.dy * (c.keep == 0) * c.keep.max()),
            "the input is used: x is not needed, y = x keep is linear in x": lambda c: (
                c.dy * c.x * c.keep),
        },
    ),
    alone(
        "sgd_momentum_step", ("theta", "v"), OPTIMISERS,
        (
            "The velocity remembers: first it is updated, then it moves the parameters.",
            "v = beta v + g (no factor 1 - beta here).",
            "theta - lr v with the new v; return new arrays, do not write into those that came in.",
        ),
        example=_moment, twin=sgd_momentum_step,
        variants=(
            Variant("the first step", adjust=lambda i, rng: i | {"v": np.zeros(6)}),
            Variant("a later step"),
            Variant("float32", dtype=np.float32),
            Variant("without momentum", adjust=lambda i, rng: i | {"beta": 0.0}),
        ),
        parts=lambda c: {
            "theta": {"theta": c.theta, "- lr g": -c.lr * c.g, "- lr beta v": -c.lr * c.beta * c.v},
            "v": {"beta v": c.beta * c.v, "g": c.g},
        },
        mistakes={
            "the parameters move with the old velocity: update it first": lambda c: {
                "theta": c.theta - c.lr * c.v},
            "the step goes uphill: minus is meant": lambda c: {
                "theta": c.theta + c.lr * (c.beta * c.v + c.g)},
            "g has a factor 1 - beta: here it has none": lambda c: {
                "v": c.beta * c.v + (1 - c.beta) * c.g},
            "the learning rate stands in the velocity already": lambda c: {
                "v": c.beta * c.v + c.lr * c.g},
            "this is the step, not the velocity": lambda c: {
                "v": c.lr * (c.beta * c.v + c.g)},
            "this is Nesterov's step, which looks ahead": lambda c: {
                "theta": c.theta - c.lr * (c.g + c.beta * (c.beta * c.v + c.g))},
            "the velocity is subtracted where it is added": lambda c: {"v": c.beta * c.v - c.g},
        },
    ),
    alone(
        "adamw_step", ("theta", "m", "v"), OPTIMISERS,
        (
            "Two running means, one of g, one of its square; both start at 0 and are too small at "
            "first.",
            "m_hat = m / (1 - beta1**t), v_hat = v / (1 - beta2**t) correct for the start; return m "
            "and v uncorrected.",
            "theta - lr weight_decay theta - lr m_hat / (sqrt(v_hat) + eps): the decay does not go "
            "through m and v.",
        ),
        example=_state(7), twin=adamw_step,
        variants=(
            Variant("the first step", adjust=lambda i, rng: i | {
                "t": 1, "m": np.zeros(6), "v": np.zeros(6)}),
            Variant("a later step"),
            Variant("no decay", adjust=lambda i, rng: i | {"weight_decay": 0.0}),
            Variant("float32", dtype=np.float32),
        ),
        parts=_adam_parts,
        mistakes={
            "the correction of the start at zero is missing: m / (1 - beta1^t), v / (1 - beta2^t)":
                lambda c: {"theta": _adam(c, correct=False)},
            "t counts from 1: the correction is one step off": lambda c: {
                "theta": _adam(c, t=c.t + 1)},
            "the correction has t - 1: t is this step's number": lambda c: {
                "theta": _adam(c, t=max(c.t - 1, 1e-9))},
            "eps is added inside the root: here it is added to the root": lambda c: {
                "theta": _adam(c, eps_inside=True)},
            "the root of v is missing": lambda c: {"theta": c.theta * (1 - c.lr * c.weight_decay)
                - c.lr * (_mv(c)[0] / (1 - c.beta1**c.t))
                / (_mv(c)[1] / (1 - c.beta2**c.t) + c.eps)},
            "the weight decay is added to the gradient: that is Adam with L2, and not AdamW":
                _coupled,
            "weight decay is left out": lambda c: {"theta": _adam(c, decay=None)},
            "weight decay lacks its factor lr": lambda c: {
                "theta": _adam(c, decay=None) - c.weight_decay * c.theta},
            "the old m and v are used: update them first": lambda c: {
                "theta": _adam(c, c.m, c.v)},
            "the corrected m is returned: keep the uncorrected one": lambda c: {
                "m": _mv(c)[0] / (1 - c.beta1**c.t)},
            "the corrected v is returned: keep the uncorrected one": lambda c: {
                "v": _mv(c)[1] / (1 - c.beta2**c.t)},
            "g is not squared": lambda c: {"v": c.beta2 * c.v + (1 - c.beta2) * c.g},
            "beta1 and beta2 are exchanged": lambda c: {
                "m": c.beta2 * c.m + (1 - c.beta2) * c.g,
                "v": c.beta1 * c.v + (1 - c.beta1) * c.g**2},
            "beta and 1 - beta are exchanged": lambda c: {
                "m": (1 - c.beta1) * c.m + c.beta1 * c.g,
                "v": (1 - c.beta2) * c.v + c.beta2 * c.g**2},
        },
    ),
    forward(
        "mean_pool", ("y",), CLASSIFIER,
        (
            "Sum over the real tokens, then divide by how many there are.",
            "mask (B, T) meets x (B, T, D) as mask[..., None]; the sum runs over axis 1.",
            "The number is mask.sum(axis=1, keepdims=True), at least 1 (np.maximum), in x's dtype.",
        ),
        variants=POOL_CASES, needed=("mask",),
        mistakes={
            "divided by T: padding does not count, divide by the number of real tokens": lambda c: (
                (c.x * _mask(c)).sum(axis=1) / c.x.shape[1]),
            "padding is in the sum": lambda c: c.x.sum(axis=1) / np.maximum(_mask(c).sum(axis=1), 1),
            "the mask is not used: padding is in the mean": lambda c: c.x.mean(axis=1),
            "the sum where the mean is meant": lambda c: (c.x * _mask(c)).sum(axis=1),
            "the mask is the wrong way round: True = a real token": lambda c: (
                (c.x * ~_mask(c)).sum(axis=1) / np.maximum((~_mask(c)).sum(axis=1), 1)),
            "divided by the real tokens of the whole batch": lambda c: (
                (c.x * _mask(c)).sum(axis=1) / _mask(c).sum()),
            "the largest, not the mean": lambda c: np.where(_mask(c), c.x, -np.inf).max(axis=1),
            "the first token, not the mean": lambda c: c.x[:, 0],
        },
    ),
    backward(
        "mean_pool_backward", ("dx",), CLASSIFIER,
        (
            "Every real token had the same share of the mean.",
            "dy (B, D) goes to all tokens: dy[:, None, :], times the mask (B, T, 1).",
            "Divide by the number of real tokens of each text, at least 1; padding gets 0.",
        ),
        variants=POOL_CASES, needed=("mask",),
        mistakes={
            "divided by T: divide by the number of real tokens": lambda c: _spread(
                c, _where(c)[..., None] / c.length),
            "padding gets a gradient: it should be 0 there": lambda c: _spread(
                c, np.ones((1, c.length, 1)) / np.maximum(_where(c).sum(1), 1)[:, None, None]),
            "the mask is not used: padding gets a gradient, and counts": lambda c: _spread(
                c, np.ones((1, c.length, 1)) / c.length),
            "the mean's factor 1/n is missing": lambda c: _spread(c, _where(c)[..., None]),
            "divided by the real tokens of the whole batch": lambda c: _spread(
                c, _where(c)[..., None] / _where(c).sum()),
            "the first token gets everything": lambda c: _spread(c, _first(c)),
            "the mask is the wrong way round: True = a real token": lambda c: _spread(
                c, ~_where(c)[..., None] / np.maximum((~_where(c)).sum(1), 1)[:, None, None]),
        },
    ),
    backward(
        "max_pool_backward", ("dx",), CLASSIFIER,
        (
            "Only the winning token moved the result.",
            "For each text and feature dx is 0 but at t = index: compare np.arange(T) with index.",
            "(np.arange(length)[:, None] == index[:, None, :]) is (B, T, D); index -1 matches no "
            "token. Times dy[:, None, :].",
        ),
        variants=POOL_CASES,
        mistakes={
            "every token gets the gradient: only the winner moved the result": lambda c: _spread(
                c, np.ones((1, c.length, 1))),
            "spread evenly, as for a mean: the winner takes it all": lambda c: _spread(
                c, np.ones((1, c.length, 1)) / c.length),
            "the first feature's winner is used for all features": lambda c: _spread(
                c, np.arange(c.length)[:, None] == c.index[:, None, :1]),
            "the first text's winners are used for all texts": lambda c: _spread(
                c, np.arange(c.length)[:, None] == c.index[:1, None, :]),
            "index -1 means that there is none, and reaches the last token by counting from the "
            "end": lambda c: _spread(
                c, np.arange(c.length)[:, None] == c.index[:, None, :] % c.length),
            "index -1 means that there is none, and is taken for the first token": lambda c: _spread(
                c, np.arange(c.length)[:, None] == np.maximum(c.index, 0)[:, None, :]),
            "the place next to the winner's": lambda c: _spread(
                c, np.arange(c.length)[:, None] == c.index[:, None, :] + 1),
            "the upstream gradient is not used": lambda c: (
                (np.arange(c.length)[:, None] == c.index[:, None, :]) * 1.0),
            "the first token gets everything": lambda c: _spread(
                c, np.arange(c.length)[:, None] == 0),
        },
    ),
    backward(
        "first_pool_backward", ("dx",), CLASSIFIER,
        (
            "One token of each text was handed on; the others did nothing.",
            "Without a mask it is token 0; with one the first where it is True.",
            "mask & (mask.cumsum(axis=1) == 1) is True there, and nowhere in a text without tokens.",
        ),
        variants=(
            BATCH_OF_ONE, BATCH, SMALL, SINGLE,
            Variant(
                "padding in front", {"mask": True}, ("mask",),
                lambda i, rng: i | {"mask": np.arange(i["x"].shape[1]) >= [[2], [0], [1]]},
                "right where token 0 is real; the first *real* token is meant",
            ),
            WITHOUT_TOKENS,
        ),
        needed=("mask",),
        mistakes={
            "token 0 gets the gradient, though it may be padding: the first real one is meant": (
                lambda c: _spread(c, np.arange(c.length)[:, None] == 0)),
            "every real token gets the gradient: only the first was used": lambda c: _spread(
                c, _where(c)[..., None]),
            "every token gets the gradient: only the first was used": lambda c: _spread(
                c, np.ones((1, c.length, 1))),
            "spread evenly, as for a mean: the first token takes it all": lambda c: _spread(
                c, _where(c)[..., None] / np.maximum(_where(c).sum(1), 1)[:, None, None]),
            "the last token gets the gradient": lambda c: _spread(
                c, np.arange(c.length)[:, None] == c.length - 1),
            "a text without a real token gets a gradient at token 0: it should be 0": lambda c: (
                _spread(c, np.arange(c.length)[:, None] == _where(c).argmax(1)[:, None, None])),
            "the upstream gradient is not used": lambda c: _first(c) * np.ones_like(
                c.dy[:, None, :]),
        },
    ),
]


def _mask(c):
    mask = getattr(c, "mask", None)
    return (np.ones(c.x.shape[:2], bool) if mask is None else mask)[..., None]
