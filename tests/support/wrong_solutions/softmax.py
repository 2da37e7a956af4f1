"""Wrong softmaxes and log-softmaxes."""

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
        ("over dy alone", lambda dy, y: y * (dy - dy.sum(**LAST))),
        ("times y, is missing", lambda dy, y: dy - (dy * y).sum(**LAST)),
        ("log_softmax", lambda dy, y: dy - y * dy.sum(**LAST)),
        (r"a mean of y dy in place of the sum", lambda dy, y: y * (dy - (dy * y).mean(**LAST))),
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
        ("inside the sum only", lambda x: x - log_sum(x - x.max(**LAST))),
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
}
