"""Wrong solutions of the exercises of notebooks 11 to 16."""

import numpy as np

from minitransformer import functional as F


def received(queries=True, divide=None, axis=(1, 2)):
    def function(P, mask):
        m = mask[:, None, :, None] if queries else mask[:, None, None, :]
        n = P.shape[1] * mask.sum(1, keepdims=True) if divide is None else divide(P, mask)
        return (P * m).sum(axis=axis) / n

    return function


def shares(points, way=lambda x, b: x - b, start=lambda b: b, total=np.mean):
    def function(gradient, x, baseline, n):
        s = start(baseline)
        return way(x, baseline) * total([gradient(s + a * (x - s)) for a in points(n)], axis=0)

    return function


def middles(n):
    return (np.arange(n) + 0.5) / n


def entropy(P):
    return -(P * np.log(np.where(P > 0, P, 1))).sum(-1)


def windows(inputs, targets):
    def function(ids, T):
        n = (len(ids) - 1) // T
        return inputs(ids, n * T).reshape(n, T), targets(ids, n * T).reshape(n, T)

    return function


def from_0(ids, size):
    return ids[:size]


def from_1(ids, size):
    return ids[1 : size + 1]


def top(p, share, more=1, sign=-1):
    order = np.argsort(sign * p)
    n = np.searchsorted(np.cumsum(p[order]), share) + more
    return np.isin(np.arange(len(p)), order[:n])


def cached(front=False, scale=0.5, seen=None):
    def function(q, k, v, K, V):
        pair = (lambda old, new: [new[None], old]) if front else (lambda old, new: [old, new[None]])
        new_K, new_V = np.concatenate(pair(K, k)), np.concatenate(pair(V, v))
        used = (new_K, new_V) if seen is None else seen(new_K, new_V)
        return F.softmax(used[0] @ q / len(q) ** scale) @ used[1], new_K, new_V

    return function


def memory(keys, values, divide=1):
    def function(dKs, dVs, W_ks, W_vs):
        n = len(dKs)
        dK = sum(dKs[i] @ W_ks[i].T for i in range(n)) * keys
        return (dK + values * sum(dVs[i] @ W_vs[i].T for i in range(n))) / (n if divide else 1)

    return function


def last_layer(dKs, dVs, W_ks, W_vs):
    for dK, dV, W_k, W_v in zip(dKs, dVs, W_ks, W_vs, strict=True):
        dm = dK @ W_k.T + dV @ W_v.T
    return dm


def wanted(change):
    def function(target, length, start, end, pad):
        rest = length - len(target) - 1
        inputs = np.array([start, *target, *[pad] * rest])
        targets = np.array([*target, end, *[-1] * rest])
        return change(inputs, targets, start=start, end=end, pad=pad)

    return function


def best(sums, order=lambda flat, K: np.argsort(-flat)[:K]):
    def function(totals, log_p, K):
        places = order(sums(totals[:, None], log_p).ravel(), K)
        return places // log_p.shape[1], places % log_p.shape[1]

    return function


def masked(low, when=lambda mask: mask, axis=-1):
    return lambda scores, mask: F.softmax(np.where(when(mask), scores, low), axis)


def curves(x, y, back):
    """The crossing with other axes; it does not return None."""

    def function(widths, cpu, gpu):
        d, w = y(cpu) - y(gpu), x(widths)
        i = int(np.argmax(np.diff(np.sign(d)) != 0))
        return back(w[i] + (w[i + 1] - w[i]) * d[i] / (d[i] - d[i + 1]))

    return function


def plain(z):
    return z


def heads(dS, dV=lambda P, dO: P.swapaxes(-1, -2) @ dO, scale=0.5):
    def function(dO, Q, K, V, P, mask):
        dP = dO @ V.swapaxes(-1, -2)
        g = dS(P, dP) / Q.shape[-1] ** scale
        return g @ K, g.swapaxes(-1, -2) @ Q, dV(P, dO)

    return function


def turned(a, b):
    def function(dy, cos, sin):
        d1, d2 = np.split(dy, 2, axis=-1)
        return np.concatenate([d1 * cos + a * d2 * sin, d2 * cos + b * d1 * sin], -1)

    return function


def table(rows, scale=1.0):
    def function(dy, ids, n_rows):
        dW = np.zeros((n_rows, dy.shape[-1]), dy.dtype)
        rows(dW, ids, scale * dy)
        return dW

    return function


def assigned(dW, ids, dy):
    dW[ids] = dy


def added(dW, ids, dy):
    np.add.at(dW, ids, dy)


def norm(change=lambda dx, dgamma, dbeta, n: (dx, dgamma, dbeta)):
    def function(dy, xhat, rstd, gamma):
        return change(*F.layer_norm_backward(dy, xhat, rstd, gamma), len(dy))

    return function


def gains(y, dx, save):
    def function(x, gamma, dgamma):
        def backward(dy):
            save(dgamma, (dy * x).reshape(-1, x.shape[-1]))
            return dx(dy, gamma, x)

        return y(x, gamma), backward

    return function


def times(a, b):
    return a * b


def dx_right(dy, gamma, x):
    return gamma * dy


def save_right(dgamma, rows):
    dgamma += rows.sum(axis=0)


def save_assigned(dgamma, rows):
    dgamma[...] = rows.sum(axis=0)


def save_name(dgamma, rows):
    dgamma = dgamma + rows.sum(axis=0)


def save_mean(dgamma, rows):
    dgamma += rows.mean(axis=0)


def beside(y, dx):
    def both(f, g):
        def layer(x):
            (y1, back1), (y2, back2) = f(x), g(x)
            return y(y1, y2), lambda dy: dx(back1(dy), back2(dy), dy)

        return layer

    return both


def one_after_the_other(f, g):
    def layer(x):
        y1, back1 = f(x)
        y2, back2 = g(y1)
        return y2, lambda dy: back1(back2(dy))

    return layer


def remembers(f):
    def layer(x):
        y, back = f(x)
        return y, lambda dy: back(dy)

    return layer


def remembers_results(f):
    def layer(x):
        made = f(x)
        return made[0], lambda dy: made[1](dy)

    return layer


WRONG = {
    "received_by_each": [
        ("padding is among the queries", lambda P, mask: P.mean((1, 2))),
        ("divided by T", received(divide=lambda P, mask: P.shape[1] * P.shape[2])),
        ("on the keys", received(queries=False)),
        ("heads instead of the mean|factor", received(divide=lambda P, m: m.sum(1, keepdims=True))),
        ("gone", lambda P, mask: P.mean((0, 1, 2))),
    ],
    "share_out": [
        ("multiplied by x", shares(middles, way=lambda x, b: x)),
        ("factor x - baseline is missing", shares(middles, way=lambda x, b: 1.0)),
        ("left ends", shares(lambda n: np.arange(n) / n)),
        ("both ends", shares(lambda n: np.linspace(0, 1, n))),
        ("sum over the points", shares(middles, total=np.sum)),
        ("gradient x input", lambda gradient, x, baseline, n: gradient(x) * x),
    ],
    "tokens_looked_at": [
        ("this is the entropy", entropy),
        ("sign is wrong", lambda P: np.exp(-entropy(P))),
        ("NaN", lambda P: np.exp(-(P * np.log(P)).sum(-1))),
        ("base 2", lambda P: np.exp(entropy(P) / np.log(2))),
        ("counts the weights", lambda P: (P > 0).sum(-1).astype(float)),
        ("shape", lambda P: np.exp(entropy(P).mean(-1))),
    ],
    "shifted_windows": [
        ("one token further", windows(from_0, from_0)),
        ("begin at the second", windows(from_1, from_1)),
        ("one token further|shape", lambda ids, T: (ids[: len(ids) // T * T].reshape(-1, T),) * 2),
        ("wrap around", lambda ids, T: (
            (x := windows(from_0, from_0)(ids, T)[0]), np.roll(x, -1, axis=1))),
        ("are exchanged", windows(from_1, from_0)),
        ("1 result", lambda ids, T: windows(from_0, from_1)(ids, T)[0]),
    ],
    "nucleus": [
        ("crosses `share` is left out", lambda p, share: top(p, share, more=0)),
        ("one token too many", lambda p, share: top(p, share, more=2)),
        ("least probable", lambda p, share: top(p, share, sign=1)),
        ("sort first", lambda p, share: np.cumsum(p) - p < share),
        ("each probability", lambda p, share: p >= share),
        ("dtype", lambda p, share: top(p, share).astype(int)),
        ("outside", lambda p, share: ~top(p, share)),
    ],
    "next_token_attention": [
        ("in front", cached(front=True)),
        ("not divided", cached(scale=0)),
        ("divided by E", cached(scale=1)),
        ("itself", cached(seen=lambda K, V: (K[:-1], V[:-1]))),
        ("keys are mixed", cached(seen=lambda K, V: (K, K))),
        ("shape", lambda q, k, v, K, V: cached()(q, k, v, K, V)[:1] + (K, V)),
    ],
    "memory_gradient": [
        ("values is missing", memory(1, 0, divide=0)),
        ("keys is missing", memory(0, 1, divide=0)),
        ("mean over the layers", memory(1, 1)),
        ("subtracted", memory(1, -1, divide=0)),
        ("only the last layer", last_layer),
    ],
    "read_and_wanted": [
        ("have the target -1", wanted(lambda x, y, pad, **_: (x, np.where(y == -1, pad, y)))),
        ("end token is missing", wanted(lambda x, y, end, **_: (x, np.where(y == end, -1, y)))),
        ("padded with `pad`", wanted(lambda x, y, pad, **_: (np.where(x == pad, -1, x), y))),
        ("exchanged", wanted(lambda x, y, **_: (y, x))),
        ("start token is missing", wanted(lambda x, y, pad, **_: (np.append(x[1:], pad), y))),
        ("shape", wanted(lambda x, y, **_: (x[:-1], y[:-1]))),
    ],
    "best_continuations": [
        ("totals are not added", best(lambda t, p: p + 0 * t)),
        ("worst first", best(lambda t, p: t + p, lambda flat, K: np.argsort(flat)[:K])),
        ("reverse order", best(lambda t, p: t + p, lambda flat, K: np.argsort(flat)[-K:])),
        ("logarithm", best(lambda t, p: np.exp(t) + np.exp(p))),
        ("multiplied", best(times)),
        ("exchanged", lambda t, p, K: best(lambda t, p: t + p)(t, p, K)[::-1]),
    ],
    "masked_softmax": [
        ("mask is not used", lambda scores, mask: F.softmax(scores)),
        ("after the softmax", lambda scores, mask: F.softmax(scores) * mask),
        ("wrong way round", masked(-1e300, lambda mask: ~mask)),
        ("become 0", masked(0.0)),
        ("first axis", masked(-1e300, axis=0)),
        ("overflows", lambda scores, mask: (
            (e := np.exp(scores) * mask) / e.sum(-1, keepdims=True))),
        ("subtract the largest", lambda scores, mask: (
            (e := np.exp(scores - scores.max(-1, keepdims=True).clip(0)) * mask)
            / e.sum(-1, keepdims=True))),
    ],
    "crossing": [
        ("ordinary axes", curves(plain, plain, plain)),
        ("return None", curves(np.log, np.log, np.exp)),
        ("not the widths", curves(plain, np.log, plain)),
        ("not the times", curves(np.log, plain, np.exp)),
        ("logarithm of the width", curves(np.log, np.log, plain)),
    ],
    "repaired_8": [
        ("sum term", heads(lambda P, dP: P * dP)),
        ("queries", heads(lambda P, dP: P * (dP - (P * dP).sum(-2, keepdims=True)))),
        ("scale", heads(lambda P, dP: P * (dP - (P * dP).sum(-1, keepdims=True)), scale=0)),
        ("mean of P dP", heads(lambda P, dP: P * (dP - (P * dP).mean(-1, keepdims=True)))),
    ],
    "repaired_11": [
        ("other way", turned(-1, 1)),
        ("same sign", turned(1, 1)),
        ("sine are missing", turned(0, 0)),
        ("two minuses", turned(-1, -1)),
    ],
    "repaired_12": [
        ("more than once|repeated", table(assigned)),
        ("2 times|factor 2", table(added, 2.0)),
        ("wrong sign|sign", table(added, -1.0)),
        ("counted from 1", table(lambda dW, ids, dy: np.add.at(dW, (ids + 1) % len(dW), dy))),
    ],
    "wrong_layer_norm_backward": [
        ("is right", norm()),
        ("dx is wrong even", norm(lambda dx, a, b, n: (2 * dx, a, b))),
        ("dgamma is wrong even", norm(lambda dx, a, b, n: (dx, b, a))),
        ("dbeta is wrong even", norm(lambda dx, a, b, n: (dx, a, -b))),
    ],
    "gain": [
        ("assigned", gains(times, dx_right, save_assigned)),
        ("does not change dgamma", gains(times, dx_right, save_name)),
        ("without the factor", gains(times, lambda dy, gamma, x: dy, save_right)),
        ("dx is wrong", gains(times, lambda dy, gamma, x: dy * x, save_right)),
        ("dgamma is wrong", gains(times, dx_right, save_mean)),
        ("y is wrong", gains(lambda x, gamma: x + gamma, dx_right, save_right)),
        ("1 result", lambda x, gamma, dgamma: x * gamma),
    ],
    "side_by_side": [
        ("path through f", beside(np.add, lambda a, b, dy: a)),
        ("path through g", beside(np.add, lambda a, b, dy: b)),
        ("mean of the two", beside(np.add, lambda a, b, dy: (a + b) / 2)),
        ("one layer after the other", one_after_the_other),
        ("y is wrong", beside(times, lambda a, b, dy: a + b)),
        ("around the two", beside(np.add, lambda a, b, dy: a + b + dy)),
        ("two things", lambda f, g: lambda x: f(x)[0] + g(x)[0]),
    ],
    "forgets": [
        ("keeps the backward pass", remembers),
        ("keeps the backward pass", remembers_results),
        ("keeps the backward pass", lambda f: f),
        ("dx is wrong", lambda f: lambda x: (f(x)[0], lambda dy: f(x)[1](2 * dy))),
        ("y is wrong", lambda f: lambda x: (x, lambda dy: f(x)[1](dy))),
        ("two things", lambda f: lambda x: f(x)[0]),
    ],
}  # fmt: skip
