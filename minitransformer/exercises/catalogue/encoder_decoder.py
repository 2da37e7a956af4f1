"""Notebook 13: encoder and decoder."""

import numpy as np

from minitransformer.exercises.cases import Variant
from minitransformer.exercises.catalogue.entries import alone
from minitransformer.functional import log_softmax

HERE = "13_encoder_decoder"


def memory_gradient(dKs, dVs, W_ks, W_vs):
    r"""The gradient that the encoder receives from the keys and values of all decoder layers.

    .. math:: K_l = m \, W^K_l, \qquad V_l = m \, W^V_l

    Parameters
    ----------
    dKs, dVs : lists of N (B, S, E) arrays
        Gradients of the keys and values of each layer.
    W_ks, W_vs : lists of N (D, E) arrays
        The projections of each layer.

    Returns
    -------
    dm : (B, S, D) array
        Gradient of the memory m, the encoder's output.
    """
    return sum(d @ W.T for d, W in zip([*dKs, *dVs], [*W_ks, *W_vs], strict=True))


def read_and_wanted(target, length, start, end, pad):
    """What the decoder reads, and what it should predict, for one target.

    Parameters
    ----------
    target : (n,) int array
        The target, without start and end tokens; n < length.
    length : int
        Length of both results.
    start, end, pad : int
        The ids of these tokens.

    Returns
    -------
    inputs : (length,) int array
        The start token and the target, then padding.
    targets : (length,) int array
        The target and the end token, then -1.
    """
    n = len(target)
    inputs, targets = np.full(length, pad), np.full(length, -1)
    inputs[0], inputs[1 : n + 1] = start, target
    targets[:n], targets[n] = target, end
    return inputs, targets


def best_continuations(totals, log_p, K):
    """One step of beam search: the K best pairs of a beam and a next token.

    Parameters
    ----------
    totals : (k,) array
        The log-probability of each beam so far.
    log_p : (k, V) array
        The log-probability of each next token after each beam.
    K : int
        Number of beams that continue.

    Returns
    -------
    beam, token : (K,) int arrays
        The best sum of totals[beam] and log_p[beam, token] comes first.
    """
    sums = (totals[:, None] + log_p).ravel()
    return np.divmod(np.argsort(-sums)[:K], log_p.shape[1])


def _layers(N):
    def drawn(inputs, rng):
        dKs, dVs = (list(rng.standard_normal((N, 2, 4, 3))) for _ in range(2))
        W_ks, W_vs = (list(rng.standard_normal((N, 5, 3))) for _ in range(2))
        return {"dKs": dKs, "dVs": dVs, "W_ks": W_ks, "W_vs": W_vs}

    return drawn


def _back(ds, Ws):
    return sum(d @ W.T for d, W in zip(ds, Ws, strict=True))


def _target(*ids, length):
    target = np.array(ids, int)
    special = {"start": 2, "end": 3, "pad": 0}
    return lambda inputs, rng: {"target": target, "length": length, **special}


def _random_target(inputs, rng):
    n, extra = rng.integers(1, 6, 2)
    start, end, pad = (int(i) for i in rng.permutation(9)[:3])
    ids = rng.integers(10, 30, n)
    special = {"start": start, "end": end, "pad": pad}
    return {"target": ids, "length": int(n + extra), **special}


def _both(c, **changes):
    made = read_and_wanted(**{**vars(c), **changes})
    return dict(zip(("inputs", "targets"), made, strict=True))


def _beams(k, K):
    def drawn(inputs, rng):
        log_p = log_softmax(rng.standard_normal((k, 7)))
        return {"totals": rng.standard_normal(k), "log_p": log_p, "K": K}

    return drawn


def _best(c, sums):
    beam, token = np.divmod(np.argsort(-sums.ravel())[: c.K], c.log_p.shape[1])
    return {"beam": beam, "token": token}


EXERCISES = [
    alone(
        "memory_gradient",
        ("dm",),
        HERE,
        (
            "The memory is used twice in each layer, once for the keys and once for the values.",
            "Each use is a linear map: the gradient of its input is dK @ W_k.T or dV @ W_v.T.",
            "Add up both products over all layers.",
        ),
        example=lambda sizes, rng: {},
        twin=memory_gradient,
        variants=(
            Variant("one layer", adjust=_layers(1)),
            Variant(
                "three layers",
                adjust=_layers(3),
                blame="right for one layer: the paths of all layers add up",
            ),
        ),
        mistakes={
            "the path through the values is missing": lambda c: _back(c.dKs, c.W_ks),
            "the path through the keys is missing": lambda c: _back(c.dVs, c.W_vs),
            "only the last layer's two paths": lambda c: _back(
                [c.dKs[-1], c.dVs[-1]], [c.W_ks[-1], c.W_vs[-1]]
            ),
            "only the first layer's two paths": lambda c: _back(
                [c.dKs[0], c.dVs[0]], [c.W_ks[0], c.W_vs[0]]
            ),
            "a mean over the layers instead of the sum": lambda c: (
                _back(c.dKs + c.dVs, c.W_ks + c.W_vs) / len(c.dKs)
            ),
            "a mean over all paths instead of the sum": lambda c: (
                _back(c.dKs + c.dVs, c.W_ks + c.W_vs) / 2 / len(c.dKs)
            ),
            "W_k and W_v are exchanged": lambda c: _back(c.dKs + c.dVs, c.W_vs + c.W_ks),
            "the path through the values is subtracted: add it": lambda c: (
                _back(c.dKs, c.W_ks) - _back(c.dVs, c.W_vs)
            ),
        },
    ),
    alone(
        "read_and_wanted",
        ("inputs", "targets"),
        HERE,
        (
            "The decoder reads the start token first, and should predict the first real token.",
            "inputs are start, target; targets are target, end. Both are one longer than target.",
            "Begin with np.full(length, pad) and np.full(length, -1), and write into the slices.",
        ),
        example=lambda sizes, rng: {},
        twin=read_and_wanted,
        variants=(
            Variant("three tokens", adjust=_target(7, 8, 9, length=6)),
            Variant("no padding", adjust=_target(7, 8, 9, length=4)),
            Variant("an empty target", adjust=_target(length=1)),
            Variant("an empty target and padding", adjust=_target(length=3)),
            Variant("random ids", adjust=_random_target),
        ),
        mistakes={
            "padded with `pad`: positions that do not count have the target -1": lambda c: {
                "targets": np.where(_both(c)["targets"] == -1, c.pad, _both(c)["targets"])
            },
            "padded with -1: inputs are padded with `pad`": lambda c: {
                "inputs": _both(c, pad=-1)["inputs"]
            },
            "the end token is missing: the decoder has to learn when to stop": lambda c: {
                "targets": np.where(np.arange(c.length) == len(c.target), -1, _both(c)["targets"])
            },
            "the start token is missing": lambda c: {
                "inputs": np.append(_both(c)["inputs"][1:], c.pad)
            },
            "the end token is among the inputs: nothing comes after it": lambda c: {
                "inputs": np.where(
                    np.arange(c.length) == len(c.target) + 1, c.end, _both(c)["inputs"]
                )
            },
            "the start token is among the targets: it is given, not predicted": lambda c: {
                "targets": np.append(c.start, _both(c)["targets"][:-1])
            },
            "start and end are exchanged": lambda c: _both(c, start=c.end, end=c.start),
        },
    ),
    alone(
        "best_continuations",
        ("beam", "token"),
        HERE,
        (
            "Every pair of a beam and a token is a candidate. Which number ranks them?",
            "totals[:, None] + log_p is a table (k, V). Flatten it, and find its K largest.",
            "np.argsort(-sums)[:K] are places in the flat table: np.divmod(places, V) gives beam "
            "and token.",
        ),
        example=lambda sizes, rng: {},
        twin=best_continuations,
        variants=(
            Variant("three beams", adjust=_beams(3, 4)),
            Variant("one beam", adjust=_beams(1, 3)),
            Variant("more candidates", adjust=_beams(5, 9)),
        ),
        mistakes={
            "the totals are not added: a beam counts with all it has written": lambda c: _best(
                c, c.log_p
            ),
            "worst first: the best sum comes first": lambda c: _best(
                c, -(c.totals[:, None] + c.log_p)
            ),
            "the best ones in reverse order": lambda c: {
                name: made[::-1] for name, made in _best(c, c.totals[:, None] + c.log_p).items()
            },
            "each beam continues with its own best token: one beam may continue twice": lambda c: {
                "beam": np.arange(len(c.totals))[: c.K],
                "token": c.log_p.argmax(axis=1)[: c.K],
            },
            "the probabilities are added: it is their logarithms that add up": lambda c: _best(
                c, np.exp(c.totals)[:, None] + np.exp(c.log_p)
            ),
            "the totals are multiplied with: logarithms add up": lambda c: _best(
                c, c.totals[:, None] * c.log_p
            ),
        },
    ),
]
