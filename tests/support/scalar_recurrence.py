"""The recurrent functions as slow scalar loops that follow the equations."""

import math


def _dot(v, M, column):
    return math.fsum(v[i] * M[i][column] for i in range(len(v)))


def _sigma(v):
    return 1 / (1 + math.exp(-v)) if v >= 0 else math.exp(v) / (1 + math.exp(v))


def _steps(x, mask, reverse, state, step):
    """Every text on its own: the state and the gates of each step, and the last state."""
    states, gates, last = [], [], []
    for n, text in enumerate(x):
        now, after, between = state[n], [None] * len(text), [None] * len(text)
        places = range(len(text) - 1, -1, -1) if reverse else range(len(text))
        for t in places:
            new, between[t] = step(text[t], now)
            if mask is None or mask[n][t]:
                now = new
            after[t] = now
        states.append(after)
        gates.append(between)
        last.append(now)
    return states, gates, last


def rnn(x, W, U, b, h0, reverse, mask=None):
    """h_t = tanh(x_t W + h_(t-1) U + b)."""

    def step(v, h):
        return [math.tanh(_dot(v, W, e) + _dot(h, U, e) + b[e]) for e in range(len(U))], None

    y, _, last = _steps(x, mask, reverse, h0, step)
    return y, last


def lstm(x, W, U, b, h0, c0, reverse, mask=None):
    """i, f, g, o; c_t = f c_(t-1) + i g; h_t = o tanh(c_t)."""
    E = len(U)

    def step(v, state):
        h, c = state
        a = [_dot(v, W, j) + _dot(h, U, j) + b[j] for j in range(4 * E)]
        i, f, o = (list(map(_sigma, a[k * E : (k + 1) * E])) for k in (0, 1, 3))
        g = list(map(math.tanh, a[2 * E : 3 * E]))
        new_c = [f[e] * c[e] + i[e] * g[e] for e in range(E)]
        return ([o[e] * math.tanh(new_c[e]) for e in range(E)], new_c), [*i, *f, *g, *o]

    states, gates, last = _steps(x, mask, reverse, list(zip(h0, c0, strict=True)), step)
    y, cells = ([[state[k] for state in text] for text in states] for k in (0, 1))
    return y, [h for h, _ in last], [c for _, c in last], gates, cells


def gru(x, W, U, b, d, h0, reverse, mask=None):
    """r, z, n; h_t = (1 - z) n + z h_(t-1), the reset gate after the product."""
    E = len(U)

    def step(v, h):
        a = [_dot(v, W, j) + b[j] for j in range(3 * E)]
        u = [_dot(h, U, j) + d[j] for j in range(3 * E)]
        r, z = ([_sigma(a[j] + u[j]) for j in range(k * E, (k + 1) * E)] for k in (0, 1))
        u_n = u[2 * E :]
        n = [math.tanh(a[2 * E + e] + r[e] * u_n[e]) for e in range(E)]
        return [(1 - z[e]) * n[e] + z[e] * h[e] for e in range(E)], [*r, *z, *n, *u_n]

    y, gates, last = _steps(x, mask, reverse, h0, step)
    return y, last, gates
