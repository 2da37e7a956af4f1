"""PyTorch's recurrent modules, for :mod:`tests.support.reference.torch_pairs`."""

import torch


def _recurrence(module, x, weights, states, mask, reverse):
    """PyTorch's own module, text by text, on the tokens that are no padding."""
    E = states[0].shape[1]
    parameters = dict(
        zip(("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"), weights, strict=True)
    )
    cell = module(x.shape[2], E, batch_first=True, dtype=x.dtype)
    outputs, last = [], []
    for n in range(len(x)):
        keep = torch.ones(x.shape[1], dtype=torch.bool) if mask is None else mask[n]
        order = [int(t) for t in torch.nonzero(keep).flatten()]
        now = [state[n] for state in states]
        rows, after = order[::-1] if reverse else order, {}
        for t in rows:
            step = tuple(s[None, None] for s in now)
            step = step if len(step) > 1 else step[0]
            _, new = torch.func.functional_call(cell, parameters, (x[n : n + 1, t : t + 1], step))
            now = [s[0, 0] for s in (new if isinstance(new, tuple) else (new,))]
            after[t] = now[0]
        h, text = states[0][n], [None] * x.shape[1]
        for t in range(x.shape[1] - 1, -1, -1) if reverse else range(x.shape[1]):
            h = after.get(t, h)
            text[t] = h
        outputs.append(torch.stack(text))
        last.append(now)
    return torch.stack(outputs), *(torch.stack(s) for s in zip(*last, strict=True))


def rnn(x, W, U, b, h0, reverse, mask=None):
    weights = W.T, U.T, b, torch.zeros_like(b)
    return _recurrence(torch.nn.RNN, x, weights, (h0,), mask, reverse)


def lstm(x, W, U, b, h0, c0, reverse, mask=None):
    weights = W.T, U.T, b, torch.zeros_like(b)
    return _recurrence(torch.nn.LSTM, x, weights, (h0, c0), mask, reverse)


def gru(x, W, U, b, d, h0, reverse, mask=None):
    return _recurrence(torch.nn.GRU, x, (W.T, U.T, b, d), (h0,), mask, reverse)


FORWARD = {
    name: function
    for name, function in globals().items()
    if callable(function) and getattr(function, "__module__", None) == __name__
}
