"""Notebook 9: the steps of two optimisers."""

import numpy as np

from minitransformer.exercises.cases import Variant
from minitransformer.exercises.catalogue.entries import alone
from minitransformer.exercises.catalogue.optimiser_steps import adamw_step, sgd_momentum_step

OPTIMISERS = "09_optimisers"


def _state(t):
    """Arguments of step t: parameters, gradient, and the state after t - 1 steps."""

    def drawn(sizes, rng):
        theta, g, m = rng.standard_normal((3, 6))
        return {
            "theta": theta,
            "g": g,
            "m": m,
            "v": rng.random(6),
            "t": t,
            "lr": 0.1,
            "beta1": 0.9,
            "beta2": 0.99,
            "eps": 1e-3,
            "weight_decay": 0.05,
        }

    return drawn


def _moment(sizes, rng):
    theta, g, v = rng.standard_normal((3, 6))
    return {"theta": theta, "g": g, "v": v, "lr": 0.1, "beta": 0.8}


def _other_rates(inputs, rng):
    """Other values of all the rates: a function that has them built in is wrong."""
    rates = ("lr", "beta", "beta1", "beta2", "eps", "weight_decay")
    return {k: float(rng.uniform(0.2, 0.8)) if k in rates else v for k, v in inputs.items()}


RATES = Variant(
    "other rates",
    adjust=_other_rates,
    blame="right for lr = 0.1 and the usual other rates: are some built in, instead of being taken "
    "from the arguments?",
    sure=True,
)


def _mv(c):
    m = c.beta1 * c.m + (1 - c.beta1) * c.g
    return m, c.beta2 * c.v + (1 - c.beta2) * c.g * c.g


def _adam(c, m=None, v=None, correct=True, eps_inside=False, decay="decoupled", t=None):
    """theta of AdamW; the arguments after `c` introduce a mistake."""
    t = c.t if t is None else t
    first, second = _mv(c)
    m, v = first if m is None else m, second if v is None else v
    if correct:
        m, v = m / (1 - c.beta1**t), v / (1 - c.beta2**t)
    root = np.sqrt(v + c.eps) if eps_inside else np.sqrt(v) + c.eps
    shrink = c.lr * c.weight_decay * c.theta if decay == "decoupled" else 0
    return c.theta - shrink - c.lr * m / root


def _coupled(c):
    """theta of Adam with L2 regularisation, where the decay is added to the gradient."""
    g = c.g + c.weight_decay * c.theta
    m, v = c.beta1 * c.m + (1 - c.beta1) * g, c.beta2 * c.v + (1 - c.beta2) * g * g
    return {"theta": _adam(c, m, v, decay=None), "m": m, "v": v}


def _adam_parts(c):
    m, v = _mv(c)
    step = (m / (1 - c.beta1**c.t)) / (np.sqrt(v / (1 - c.beta2**c.t)) + c.eps)
    return {
        "theta": {
            "theta": c.theta - c.lr * c.weight_decay * c.theta,
            "- lr m_hat / ...": -c.lr * step,
        },
        "m": {"beta1 m": c.beta1 * c.m, "(1 - beta1) g": (1 - c.beta1) * c.g},
        "v": {"beta2 v": c.beta2 * c.v, "(1 - beta2) g^2": (1 - c.beta2) * c.g**2},
    }


EXERCISES = [
    alone(
        "sgd_momentum_step",
        ("theta", "v"),
        OPTIMISERS,
        (
            "The velocity remembers earlier gradients. First update it, then move the parameters.",
            "v = beta v + g, without a factor 1 - beta.",
            "theta - lr v, with the new v. Return new arrays, and do not write into the arguments.",
        ),
        example=_moment,
        twin=sgd_momentum_step,
        variants=(
            Variant("the first step", adjust=lambda i, rng: i | {"v": np.zeros(6)}),
            Variant("a later step"),
            Variant("float32", dtype=np.float32),
            Variant("without momentum", adjust=lambda i, rng: i | {"beta": 0.0}),
            RATES,
        ),
        parts=lambda c: {
            "theta": {"theta": c.theta, "- lr g": -c.lr * c.g, "- lr beta v": -c.lr * c.beta * c.v},
            "v": {"beta v": c.beta * c.v, "g": c.g},
        },
        mistakes={
            "the parameters move by the old velocity: update it first": lambda c: {
                "theta": c.theta - c.lr * c.v
            },
            "the step goes uphill: subtract it": lambda c: {
                "theta": c.theta + c.lr * (c.beta * c.v + c.g)
            },
            "g has a factor 1 - beta: here it has none": lambda c: {
                "v": c.beta * c.v + (1 - c.beta) * c.g
            },
            "the velocity contains the learning rate: only the step has it": lambda c: {
                "v": c.beta * c.v + c.lr * c.g
            },
            "the velocity contains minus the learning rate, as in some libraries: here it is "
            "beta v + g, and the step is lr v": lambda c: {"v": c.beta * c.v - c.lr * c.g},
            "this is the step, not the velocity": lambda c: {"v": c.lr * (c.beta * c.v + c.g)},
            "this is Nesterov's step, which looks ahead": lambda c: {
                "theta": c.theta - c.lr * (c.g + c.beta * (c.beta * c.v + c.g))
            },
            "g is subtracted from the velocity: add it": lambda c: {"v": c.beta * c.v - c.g},
        },
    ),
    alone(
        "adamw_step",
        ("theta", "m", "v"),
        OPTIMISERS,
        (
            "Keep two running means, one of g and one of its square. Both start at 0, so they are "
            "too small at first.",
            "m_hat = m / (1 - beta1**t) and v_hat = v / (1 - beta2**t) correct for that. Return m "
            "and v uncorrected.",
            "theta - lr weight_decay theta - lr m_hat / (sqrt(v_hat) + eps). The decay does not go "
            "through m and v.",
        ),
        example=_state(7),
        twin=adamw_step,
        variants=(
            Variant(
                "the first step",
                adjust=lambda i, rng: i | {"t": 1, "m": np.zeros(6), "v": np.zeros(6)},
            ),
            Variant("a later step"),
            Variant("no decay", adjust=lambda i, rng: i | {"weight_decay": 0.0}),
            RATES,
            Variant("float32", dtype=np.float32),
        ),
        parts=_adam_parts,
        mistakes={
            "the bias correction is missing: divide m by 1 - beta1^t, and v by 1 - beta2^t": (
                lambda c: {"theta": _adam(c, correct=False)}
            ),
            "the correction is one step off: t is already counted from 1": lambda c: {
                "theta": _adam(c, t=c.t + 1)
            },
            "the correction uses t - 1: t is the number of this step": lambda c: {
                "theta": _adam(c, t=max(c.t - 1, 1e-9))
            },
            "eps is added inside the root: add it to the root instead": lambda c: {
                "theta": _adam(c, eps_inside=True)
            },
            "the root of v is missing": lambda c: {
                "theta": c.theta * (1 - c.lr * c.weight_decay)
                - c.lr * (_mv(c)[0] / (1 - c.beta1**c.t)) / (_mv(c)[1] / (1 - c.beta2**c.t) + c.eps)
            },
            "the weight decay is added to the gradient: that is Adam with L2, not AdamW": _coupled,
            "weight decay is left out": lambda c: {"theta": _adam(c, decay=None)},
            "the weights decay after the step: the decay is of the old theta": lambda c: {
                "theta": _adam(c, decay=None) * (1 - c.lr * c.weight_decay)
            },
            "weight decay lacks the factor lr": lambda c: {
                "theta": _adam(c, decay=None) - c.weight_decay * c.theta
            },
            "the old m and v are used: update them first": lambda c: {"theta": _adam(c, c.m, c.v)},
            "the corrected m is returned: return the uncorrected one": lambda c: {
                "m": _mv(c)[0] / (1 - c.beta1**c.t)
            },
            "the corrected v is returned: return the uncorrected one": lambda c: {
                "v": _mv(c)[1] / (1 - c.beta2**c.t)
            },
            "g is not squared": lambda c: {"v": c.beta2 * c.v + (1 - c.beta2) * c.g},
            "beta2 is used, which belongs to the mean of the squares: are beta1 and beta2 "
            "exchanged?": lambda c: {"m": c.beta2 * c.m + (1 - c.beta2) * c.g},
            "beta1 is used, which belongs to the mean of the gradients: the squares have beta2": (
                lambda c: {"v": c.beta1 * c.v + (1 - c.beta1) * c.g**2}
            ),
            "beta and 1 - beta are exchanged": lambda c: {
                "m": (1 - c.beta1) * c.m + c.beta1 * c.g,
                "v": (1 - c.beta2) * c.v + c.beta2 * c.g**2,
            },
            "the factor 1 - beta is missing": lambda c: {
                "m": c.beta1 * c.m + c.g,
                "v": c.beta2 * c.v + c.g**2,
            },
        },
    ),
]
