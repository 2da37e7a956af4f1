"""Wrong norms."""

import numpy as np

LAST = {"axis": -1, "keepdims": True}


def layer(xhat, rstd=None):
    """Layer norm with another xhat."""
    return lambda x, gamma, beta: gamma * xhat(x) + beta


def normed(x, eps=1e-5, **how):
    how = how or LAST
    return (x - x.mean(**how)) / np.sqrt(x.var(**how) + eps)


def one_pass(x):
    variance = (x * x).mean(**LAST) - x.mean(**LAST) ** 2
    return (x - x.mean(**LAST)) / np.sqrt(np.maximum(variance, 0) + 1e-5)


def layer_backward(dx=None, dgamma=None, dbeta=None):
    """The right one, but for some parts."""

    def right(dy, xhat, rstd, gamma):
        d = dy * gamma
        return rstd * (d - d.mean(**LAST) - xhat * (d * xhat).mean(**LAST))

    def function(dy, xhat, rstd, gamma):
        return (
            (dx or right)(dy, xhat, rstd, gamma),
            (dy * xhat).sum((0, 1)) if dgamma is None else dgamma(dy, xhat, gamma),
            dy.sum((0, 1)) if dbeta is None else dbeta(dy, xhat, gamma),
        )

    return function


def rms_backward(dx, dgamma=lambda dy, xhat: (dy * xhat).sum((0, 1))):
    return lambda dy, xhat, rstd, gamma: (dx(dy, xhat, rstd, gamma), dgamma(dy, xhat))


def rms_dx(dy, xhat, rstd, gamma):
    d = dy * gamma
    return rstd * (d - xhat * (d * xhat).mean(**LAST))


WRONG = {
    "layer_norm": [
        ("inside the root", layer(lambda x: (x - x.mean(**LAST)) / (x.std(**LAST) + 1e-5))),
        ("eps is forgotten", layer(lambda x: (x - x.mean(**LAST)) / x.std(**LAST))),
        (
            "D - 1",
            layer(
                lambda x: (
                    normed(x, axis=-1, keepdims=True, ddof=1)
                    if x.ndim < 0
                    else (x - x.mean(**LAST)) / np.sqrt(x.var(ddof=1, **LAST) + 1e-5)
                )
            ),
        ),
        ("root is missing", layer(lambda x: (x - x.mean(**LAST)) / (x.var(**LAST) + 1e-5))),
        ("batch norm", layer(lambda x: normed(x, axis=0, keepdims=True))),
        ("axis 1", layer(lambda x: normed(x, axis=1, keepdims=True))),
        ("whole array", layer(lambda x: (x - x.mean()) / np.sqrt(x.var() + 1e-5))),
        ("mean is not subtracted", layer(lambda x: x / np.sqrt(x.var(**LAST) + 1e-5))),
        ("beta is missing", lambda x, gamma, beta: gamma * normed(x)),
        ("loses all digits", layer(one_pass)),
        ("gamma is left out|gamma", lambda x, gamma, beta: normed(x) + beta),
        (
            "rstd is one over it",
            lambda x, g, b: (g * normed(x) + b, normed(x), np.sqrt(x.var(**LAST) + 1e-5)),
        ),
    ],
    "layer_norm_backward": [
        (
            "gamma belongs inside the mean",
            layer_backward(
                lambda dy, xhat, rstd, gamma: (
                    gamma * rstd * (dy - dy.mean(**LAST) - xhat * (dy * xhat).mean(**LAST))
                )
            ),
        ),
        (
            "path through the mean.* is missing",
            layer_backward(
                lambda dy, xhat, rstd, gamma: (
                    rstd * (dy * gamma - xhat * (dy * gamma * xhat).mean(**LAST))
                )
            ),
        ),
        (
            "path through the variance.* is missing",
            layer_backward(
                lambda dy, xhat, rstd, gamma: rstd * (dy * gamma - (dy * gamma).mean(**LAST))
            ),
        ),
        (
            "one over the standard deviation",
            layer_backward(
                lambda dy, xhat, rstd, gamma: (
                    (
                        dy * gamma
                        - (dy * gamma).mean(**LAST)
                        - xhat * (dy * gamma * xhat).mean(**LAST)
                    )
                    / rstd
                )
            ),
        ),
        ("is missing; ", layer_backward(lambda dy, xhat, rstd, gamma: rstd * gamma * dy)),
        (
            "mean over the tokens|batch divided",
            layer_backward(dgamma=lambda dy, xhat, gamma: (dy * xhat).mean((0, 1))),
        ),
        ("xhat is left out", layer_backward(dgamma=lambda dy, xhat, gamma: dy.sum((0, 1)))),
        ("shape", layer_backward(dbeta=lambda dy, xhat, gamma: dy.sum(axis=0))),
        (
            "dgamma and dbeta are exchanged",
            layer_backward(
                dgamma=lambda dy, xhat, gamma: dy.sum((0, 1)),
                dbeta=lambda dy, xhat, gamma: (dy * xhat).sum((0, 1)),
            ),
        ),
        (
            "wrong sign",
            layer_backward(
                lambda dy, xhat, rstd, gamma: (
                    rstd
                    * (
                        dy * gamma
                        + (dy * gamma).mean(**LAST)
                        - xhat * (dy * gamma * xhat).mean(**LAST)
                    )
                )
            ),
        ),
    ],
    "rms_norm": [
        ("layer norm", lambda x, gamma: gamma * normed(x, 1e-6)),
        ("outside", lambda x, gamma: gamma * x / (np.sqrt((x * x).mean(**LAST)) + 1e-6)),
        ("sum of squares", lambda x, gamma: gamma * x / np.sqrt((x * x).sum(**LAST) + 1e-6)),
        ("root is missing", lambda x, gamma: gamma * x / ((x * x).mean(**LAST) + 1e-6)),
        ("whole array", lambda x, gamma: gamma * x / np.sqrt((x * x).mean() + 1e-6)),
        ("eps should be 1e-6", lambda x, gamma: gamma * x / np.sqrt((x * x).mean(**LAST) + 1e-5)),
        ("gamma", lambda x, gamma: x / np.sqrt((x * x).mean(**LAST) + 1e-6)),
    ],
    "rms_norm_backward": [
        (
            "layer norm's gradient",
            rms_backward(
                lambda dy, xhat, rstd, gamma: (
                    rstd
                    * (
                        dy * gamma
                        - (dy * gamma).mean(**LAST)
                        - xhat * (dy * gamma * xhat).mean(**LAST)
                    )
                )
            ),
        ),
        (
            "gamma belongs inside the mean",
            rms_backward(
                lambda dy, xhat, rstd, gamma: gamma * rstd * (dy - xhat * (dy * xhat).mean(**LAST))
            ),
        ),
        ("is missing", rms_backward(lambda dy, xhat, rstd, gamma: rstd * gamma * dy)),
        (
            "instead of means|7 times",
            rms_backward(
                lambda dy, xhat, rstd, gamma: (
                    rstd * (dy * gamma - xhat * (dy * gamma * xhat).sum(**LAST))
                )
            ),
        ),
        ("mean over the tokens", rms_backward(rms_dx, lambda dy, xhat: (dy * xhat).mean((0, 1)))),
        ("xhat is left out", rms_backward(rms_dx, lambda dy, xhat: dy.sum((0, 1)))),
        ("2 are expected", rms_dx),
    ],
}
