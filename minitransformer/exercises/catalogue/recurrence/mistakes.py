"""What goes wrong in backpropagation through time; each function takes the names of a case."""

import numpy as np

from minitransformer import functional
from minitransformer.functional.recurrence.steps import order, states_before


def _case(c, **changes):
    return type(c)(**{**vars(c), **changes})


def _options(c, *names):
    return {name: getattr(c, name, None) for name in (*names, "mask")} | {"reverse": c.reverse}


def rnn(c):
    """All gradients of a case."""
    return _named(
        functional.rnn_backward(c.dy, c.dh, c.x, c.W, c.U, c.y, **_options(c, "h0")),
        ("dx", "dW", "dU", "db", "dh0"),
    )


def lstm(c):
    found = functional.lstm_backward(
        c.dy, c.dh, c.dc, c.x, c.W, c.U, c.y, c.gates, c.cells, **_options(c, "h0", "c0")
    )
    return _named(found, ("dx", "dW", "dU", "db", "dh0", "dc0"))


def gru(c):
    found = functional.gru_backward(
        c.dy, c.dh, c.x, c.W, c.U, c.y, c.gates, **_options(c, "h0")
    )  # fmt: skip
    return _named(found, ("dx", "dW", "dU", "db", "dd", "dh0"))


def _named(gradients, names):
    return dict(zip(names, gradients, strict=True))


def _rnn_loop(c, slope=True, through=True, U=None):
    """The gradients of a simple network, with a part left out."""
    U, dh = c.U.T if U is None else U, c.dh
    mask, da = getattr(c, "mask", None), np.zeros_like(c.y)
    for t in reversed(order(c.y.shape[1], c.reverse)):
        dh = dh + c.dy[:, t]
        here = dh * (1 - c.y[:, t] ** 2) if slope else dh
        real = np.ones((len(dh), 1), bool) if mask is None else mask[:, t, None]
        da[:, t] = np.where(real, here, 0)
        back = da[:, t] @ U if through else np.zeros_like(dh)
        dh = np.where(real, back, dh)
    rows = da.reshape(-1, da.shape[2])
    before = states_before(c.y, getattr(c, "h0", None), c.reverse)
    dW = c.x.reshape(-1, c.x.shape[2]).T @ rows
    return {"dx": da @ c.W.T, "dW": dW, "dU": before.reshape(rows.shape).T @ rows}


def _gru_with_a(c):
    """dU of a gated recurrent unit from the gradients of a, in place of those of u."""
    E, dh, total = c.y.shape[2], c.dh, 0
    before = states_before(c.y, getattr(c, "h0", None), c.reverse)
    mask = getattr(c, "mask", None)
    for t in reversed(order(c.y.shape[1], c.reverse)):
        r, z, n, u = (c.gates[:, t, k * E : (k + 1) * E] for k in range(4))
        real = np.ones((len(dh), 1), bool) if mask is None else mask[:, t, None]
        dh = dh + c.dy[:, t]
        da_n = np.where(real, dh * (1 - z) * (1 - n**2), 0)
        da_z = np.where(real, dh * (before[:, t] - n) * z * (1 - z), 0)
        da_r = da_n * u * r * (1 - r)
        total = total + before[:, t].T @ np.hstack([da_r, da_z, da_n])
        dh = np.where(real, dh * z + np.hstack([da_r, da_z, da_n * r]) @ c.U.T, dh)
    return {"dU": total}


def common(gradients):
    """The mistakes of all three networks; `gradients` computes those of a case."""
    return {
        "the gradient of the last state is not used: it is where the way back begins": lambda c: (
            gradients(_case(c, dh=np.zeros_like(c.dh)))
        ),
        "the gradients of the outputs are not used: each is added at its step": lambda c: gradients(
            _case(c, dy=np.zeros_like(c.dy))
        ),
        "the mask is not used: at padding, the state was carried on unchanged": lambda c: gradients(
            _case(c, mask=None)
        ),
        "the steps are taken in the wrong order if reverse is set": lambda c: gradients(
            _case(c, reverse=not c.reverse)
        ),
        "dU forgets the initial state: the first step read h0": lambda c: {
            "dU": gradients(_case(c, h0=None))["dU"]
        },
        "dW is divided by the batch size: it is a sum": lambda c: {
            "dW": gradients(c)["dW"] / len(c.x)
        },
        "dW is divided by the number of steps: it is a sum": lambda c: {
            "dW": gradients(c)["dW"] / c.x.shape[1]
        },
        "db is the mean over texts and steps: it is their sum": lambda c: {
            "db": gradients(c)["db"] / (c.x.shape[0] * c.x.shape[1])
        },
    }


def _blocks(name, order_of, gradients):
    """A gradient with its gates in another order."""

    def made(c):
        array = gradients(c)[name]
        parts = np.split(array, max(order_of) + 1, axis=-1)
        return {name: np.concatenate([parts[k] for k in order_of], axis=-1)}

    return made


RNN = {
    **common(rnn),
    "the slope of tanh is missing: 1 - h^2": lambda c: _rnn_loop(c, slope=False),
    "nothing goes back through time: a state also influences the next step": lambda c: _rnn_loop(
        c, through=False
    ),
    "U is not transposed on the way back": lambda c: _rnn_loop(c, U=c.U),
}
LSTM = {
    **common(lstm),
    "the gradient of the last cell is not used": lambda c: lstm(_case(c, dc=np.zeros_like(c.dc))),
    "the forget gate's gradient forgets c0: at the first step it multiplied c0": (
        lambda c: {"dW": lstm(_case(c, c0=None))["dW"]}
    ),
    "the gates are in the order i, f, o, g: it is i, f, g, o": _blocks("dW", (0, 1, 3, 2), lstm),
    "the gates are in the order f, i, g, o: it is i, f, g, o": _blocks("dW", (1, 0, 2, 3), lstm),
}
GRU = {
    **common(gru),
    "the blocks are in the order z, r, n: it is r, z, n": _blocks("dW", (1, 0, 2), gru),
    "dd is the same as db: the last block of u was multiplied by r": lambda c: {
        "dd": gru(c)["db"]
    },
    "dU gets the gradients of a: its last block was multiplied by r": _gru_with_a,
}  # fmt: skip
