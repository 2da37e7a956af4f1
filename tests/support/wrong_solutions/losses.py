"""Wrong softmaxes and losses."""

import numpy as np

LAST = {"axis": -1, "keepdims": True}


def shadowed(x):
    """Subtract the largest score in place."""
    x -= x.max(**LAST)
    return np.exp(x) / np.exp(x).sum(**LAST)


def looped_softmax_backward(dy, y):
    dx = np.zeros_like(y)
    for b in range(y.shape[0]):
        for t in range(y.shape[1]):
            dx[b, t] = (np.diag(y[b, t]) + np.outer(y[b, t], y[b, t])) @ dy[b, t]
    return dx


def first_text_only(dy, y):
    J = np.diag(y[0, 0]) - np.outer(y[0, 0], y[0, 0])
    return dy @ J


def one_row_each_way(x):
    e = np.exp(x - x.max())
    return e / e.sum(axis=-1)


def log_sum(x):
    return np.log(np.exp(x).sum(**LAST))


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
    "softmax": [
        ("whole array", lambda x: np.exp(x) / np.exp(x).sum()),
        ("first axis", lambda x: np.exp(x) / np.exp(x).sum(axis=0)),
        ("overflows", lambda x: np.exp(x) / np.exp(x).sum(**LAST)),
        ("sign", lambda x: np.exp(-x) / np.exp(-x).sum(**LAST)),
        ("ValueError.*broadcast", one_row_each_way),
        ("writes into its argument x", shadowed),
        ("not divided by their sum", lambda x: np.exp(x - x.max(**LAST))),
        ("logarithm", lambda x: x - log_sum(x)),
        ("exponential is missing", lambda x: x / x.sum(**LAST)),
    ],
    "softmax_backward": [
        ("sum.* is missing", lambda dy, y: dy * y),
        ("diagonal", lambda dy, y: dy * y * (1 - y)),
        ("whole array", lambda dy, y: y * (dy - np.sum(dy * y))),
        ("wrong sign", looped_softmax_backward),
        ("gradient of softmax\\(x\\).sum\\(\\)", lambda dy, y: y - y * y.sum(**LAST)),
        ("of dy alone", lambda dy, y: y * (dy - dy.sum(**LAST))),
        ("times y, is missing", lambda dy, y: dy - (dy * y).sum(**LAST)),
        ("log_softmax", lambda dy, y: dy - y * dy.sum(**LAST)),
        (r"sum\(y dy\) is 0.1429 times", lambda dy, y: y * (dy - (dy * y).mean(**LAST))),
        ("broadcast|mixed|batch", lambda dy, y: y * (dy - (dy * y).sum(axis=-1))),
        ("right for a batch of 1|examples are mixed|no known", first_text_only),
    ],
    "log_softmax": [
        ("this is softmax", lambda x: np.exp(x - log_sum(x))),
        ("logarithm is missing", lambda x: x - np.exp(x).sum(**LAST)),
        ("overflows", lambda x: x - log_sum(x)),
        ("whole array", lambda x: x - np.log(np.exp(x).sum())),
        ("sign", lambda x: log_sum(x) - x),
        ("logarithm of the sum is missing", lambda x: x - x.max(**LAST)),
        ("once too often|not given back", lambda x: x - log_sum(x - x.max(**LAST))),
    ],
    "log_softmax_backward": [
        (r"exp\(y\)", lambda dy, y: dy - y * dy.sum(**LAST)),
        ("sum.* is missing", lambda dy, y: dy),
        ("sum along the row is missing", lambda dy, y: dy * (1 - np.exp(y))),
        ("gradient of softmax", lambda dy, y: np.exp(y) * (dy - (np.exp(y) * dy).sum(**LAST))),
        ("wrong sign", lambda dy, y: dy + np.exp(y) * dy.sum(**LAST)),
        ("whole array", lambda dy, y: dy - np.exp(y) * dy.sum()),
        ("first axis", lambda dy, y: dy - np.exp(y) * dy.sum(axis=0)),
    ],
    "cross_entropy": [
        ("sign", lambda logits, targets: np.log(picked(logits, targets)).mean()),
        ("mean is meant", lambda logits, targets: -np.log(picked(logits, targets)).sum()),
        ("batch only", lambda logits, targets: -np.log(picked(logits, targets)).sum(1).mean()),
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
        ("mean is meant", lambda y, target: (((y - target) ** 2).sum(), y - target)),
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
        ("batch only", lambda dloss, d: 2 * dloss * d / d.shape[0]),
        ("sign", lambda dloss, d: -2 * dloss * d / d.size),
        ("features only", lambda dloss, d: 2 * dloss * d / d.shape[-1]),
        ("not differentiated", lambda dloss, d: dloss * d * d / d.size),
    ],
}
