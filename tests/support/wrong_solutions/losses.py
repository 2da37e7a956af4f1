"""Wrong losses."""

import numpy as np

LAST = {"axis": -1, "keepdims": True}


def picked(logits, targets):
    p = np.exp(logits - logits.max(**LAST))
    p /= p.sum(**LAST)
    return np.take_along_axis(p, targets[..., None], -1)[..., 0]


def onehot(saved):
    return np.eye(saved.probabilities.shape[-1])[np.maximum(saved.targets, 0)]


def plain(dloss, saved):
    return (saved.probabilities - onehot(saved)) * dloss / saved.targets.size


def ignoring(dloss, saved):
    d = (saved.probabilities - onehot(saved)) * (saved.targets >= 0)[..., None]
    return d * dloss / saved.normaliser


def weighted(dloss, saved):
    w = saved.weights[np.maximum(saved.targets, 0)] * (saved.targets >= 0)
    return (saved.probabilities - onehot(saved)) * w[..., None] * (dloss / saved.normaliser)


def in_place(dloss, saved):
    p = saved.probabilities
    p -= onehot(saved).astype(p.dtype)
    return p * (dloss / saved.normaliser)


WRONG = {
    "cross_entropy": [
        ("sign", lambda logits, targets: np.log(picked(logits, targets)).mean()),
        ("instead of the mean", lambda logits, targets: -np.log(picked(logits, targets)).sum()),
        ("batch size only", lambda logits, targets: -np.log(picked(logits, targets)).sum(1).mean()),
        ("logarithm is missing", lambda logits, targets: -picked(logits, targets).mean()),
        ("log_softmax", lambda logits, targets: -np.log(picked(logits, targets)).mean()),
        ("shape", lambda logits, targets: -np.log(picked(logits, targets))),
        ("natural", lambda logits, targets: -np.log2(picked(logits, targets)).mean()),
        (
            "log-probabilities",
            lambda logits, targets: -np.take_along_axis(logits, targets[..., None], -1).mean(),
        ),
    ],
    "cross_entropy_backward": [
        ("ignored|class weights|every target counts", plain),
        ("weigh", ignoring),
        ("label smoothing|smoothing", weighted),
        ("dloss is not used", lambda dloss, s: (s.probabilities - onehot(s)) / s.normaliser),
        ("1 / saved.normaliser, is missing", lambda d, s: (s.probabilities - onehot(s)) * d),
        ("is missing", lambda dloss, s: s.probabilities * dloss / s.normaliser),
        (
            "not to the logits",
            lambda dloss, s: -onehot(s) / s.probabilities * (dloss / s.normaliser),
        ),
        ("sign", lambda dloss, s: (onehot(s) - s.probabilities) * dloss / s.normaliser),
        ("writes into its argument", in_place),
    ],
    "mean_squared_error": [
        ("1/2", lambda y, target: (0.5 * ((y - target) ** 2).mean(), y - target)),
        ("instead of the mean", lambda y, target: (((y - target) ** 2).sum(), y - target)),
        ("absolute value", lambda y, target: (np.abs(y - target).mean(), y - target)),
        ("y - target", lambda y, target: (((y - target) ** 2).mean(), target - y)),
        ("root", lambda y, target: (np.sqrt(((y - target) ** 2).mean()), y - target)),
        ("sum over the features", lambda y, t: (((y - t) ** 2).sum(-1).mean(), y - t)),
        ("shape", lambda y, target: (((y - target) ** 2).mean(axis=0), y - target)),
    ],
    "mean_squared_error_backward": [
        ("dloss is not used", lambda dloss, d: 2 * d / d.size),
        ("factor 2", lambda dloss, d: dloss * d / d.size),
        ("1/n is missing", lambda dloss, d: 2 * dloss * d),
        ("batch size only", lambda dloss, d: 2 * dloss * d / d.shape[0]),
        ("sign", lambda dloss, d: -2 * dloss * d / d.size),
        ("features only", lambda dloss, d: 2 * dloss * d / d.shape[-1]),
        ("not differentiated", lambda dloss, d: dloss * d * d / d.size),
    ],
}
