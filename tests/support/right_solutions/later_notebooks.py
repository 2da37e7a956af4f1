"""Right solutions: the exercises of notebooks 11 to 16."""

import numpy as np

from tests.support.right_solutions import attention, blocks, elementwise


def received_loop(P, mask):
    out = np.zeros(mask.shape)
    for b, real in enumerate(mask):
        out[b] = P[b][:, real].mean(axis=(0, 1))
    return out


def share_out_loop(gradient, x, baseline, n):
    total = np.zeros(len(x))
    for k in range(n):
        total += gradient(baseline + (k + 0.5) / n * (x - baseline))
    return (x - baseline) * total / n


def share_out_stack(gradient, x, baseline, n):
    way = np.subtract(x, baseline)
    points = np.linspace(0.5 / n, 1 - 0.5 / n, n)
    return np.mean([gradient(baseline + a * way) for a in points], axis=0) * way


def looked_loop(P):
    out = np.ones(P.shape[:-1])
    for place in np.ndindex(out.shape):
        for w in P[place]:
            if w > 0:
                out[place] *= w**-w
    return out


def windows_loop(ids, T):
    starts = range(0, len(ids) - T, T)
    return np.array([ids[i : i + T] for i in starts]), np.array(
        [ids[i + 1 : i + T + 1] for i in starts]
    )


def windows_view(ids, T):
    n = (ids.size - 1) // T
    both = np.stack([ids[:-1], ids[1:]])[:, : n * T]
    return tuple(both.reshape(2, n, T))


def windows_index(ids, T):
    n = (len(ids) - 1) // T
    places = np.arange(T) + T * np.arange(n)[:, None]
    return [ids[places], ids[places + 1]]


def nucleus_loop(p, share):
    kept, total = np.zeros(p.shape, dtype=bool), 0.0
    while total < share:
        best = np.argmax(np.where(kept, -1, p))
        kept[best] = True
        total += p[best]
    return kept


def nucleus_before(p, share):
    order = np.argsort(p)[::-1]
    before = np.cumsum(p[order]) - p[order]
    kept = np.empty(len(p), bool)
    kept[order] = before < share
    return kept


def nucleus_search(p, share):
    order = np.argsort(-p)
    n = np.searchsorted(np.cumsum(p[order]), share) + 1
    return np.isin(np.arange(len(p)), order[:n])


def cached(q, k, v, K, V):
    K, V = np.append(K, k[None], axis=0), np.append(V, v[None], axis=0)
    s = K @ q / np.sqrt(len(q))
    w = np.exp(s - s.max())
    return (w / w.sum()) @ V, K, V


def cached_loop(q, k, v, K, V):
    K, V = np.vstack((K, k)), np.vstack((V, v))
    w = [np.exp(float(row @ q) / len(q) ** 0.5) for row in K]
    return sum(a / sum(w) * row for a, row in zip(w, V, strict=True)), K, V


def cached_einsum(q, k, v, K, V):
    K, V = np.r_[K, k.reshape(1, -1)], np.r_[V, v.reshape(1, -1)]
    s = np.einsum("se,e->s", K, q) * q.size**-0.5
    return np.einsum("s,se->e", np.exp(s - np.logaddexp.reduce(s)), V), K, V


def memory_loop(dKs, dVs, W_ks, W_vs):
    dm = np.zeros((*dKs[0].shape[:-1], W_ks[0].shape[0]))
    for dK, dV, W_k, W_v in zip(dKs, dVs, W_ks, W_vs, strict=True):
        dm += dK @ W_k.T
        dm += dV @ W_v.T
    return dm


def memory_concatenated(dKs, dVs, W_ks, W_vs):
    return np.concatenate(dKs + dVs, axis=-1) @ np.concatenate(W_ks + W_vs, axis=-1).T


def wanted_concatenated(target, length, start, end, pad):
    n = length - len(target) - 1
    inputs = np.concatenate([[start], target, np.full(n, pad)]).astype(int)
    return inputs, np.concatenate([target, [end], np.full(n, -1)]).astype(int)


def wanted_list(target, length, start, end, pad):
    more = length - len(target) - 1
    inputs = [start, *target.tolist()] + [pad] * more
    return np.array(inputs), np.array([*target.tolist(), end] + [-1] * more)


def wanted_pad(target, length, start, end, pad):
    rest = length - len(target) - 1
    return (
        np.pad(np.insert(target, 0, start), (0, rest), constant_values=pad),
        np.pad(np.append(target, end), (0, rest), constant_values=-1),
    )


def beams_sorted(totals, log_p, K):
    pairs = [(totals[b] + log_p[b, t], b, t) for b, t in np.ndindex(log_p.shape)]
    best = sorted(pairs, reverse=True)[:K]
    return np.array([b for _, b, _ in best]), np.array([t for _, _, t in best])


def beams_unravel(totals, log_p, K):
    sums = totals.reshape(-1, 1) + log_p
    return np.unravel_index(sums.ravel().argsort()[::-1][:K], sums.shape)


def beams_partition(totals, log_p, K):
    flat = np.add(totals[:, np.newaxis], log_p).reshape(-1)
    top = np.argpartition(-flat, K - 1)[:K]
    top = top[np.argsort(-flat[top])]
    return top // log_p.shape[1], top % log_p.shape[1]


def softmax_minimum(scores, mask):
    low = np.where(mask, scores, np.finfo(scores.dtype).min)
    e = np.exp(low - low.max(-1, keepdims=True)) * mask
    return e / e.sum(-1, keepdims=True)


def softmax_rows(scores, mask):
    out = np.zeros_like(scores)
    for row, real, s in zip(out, mask, scores, strict=True):
        e = np.exp(s[real] - s[real].max())
        row[real] = e / e.sum()
    return out


def crossing_loop(widths, cpu, gpu):
    for i in range(len(widths) - 1):
        a, b = np.log(cpu[i] / gpu[i]), np.log(cpu[i + 1] / gpu[i + 1])
        if a == 0:
            return widths[i]
        if a * b < 0:
            return widths[i] * (widths[i + 1] / widths[i]) ** (a / (a - b))
    return None


def crossing_interp(widths, cpu, gpu):
    d = np.log2(cpu) - np.log2(gpu)
    if d.min() > 0 or d.max() < 0:
        return None
    return 2 ** np.interp(0, d, np.log2(widths))


def crossing_float(widths, cpu, gpu):
    d = np.log(np.asarray(cpu) / np.asarray(gpu))
    places = np.flatnonzero(np.sign(d[1:]) != np.sign(d[:-1]))
    if not len(places):
        return None
    i = places[0]
    x = np.log(widths)
    return float(np.exp(x[i] - d[i] * (x[i + 1] - x[i]) / (d[i + 1] - d[i])))


def first_token_only(dy, xhat, rstd, gamma):
    d = gamma * dy
    mean = lambda z: z.mean(axis=-1, keepdims=True)  # noqa: E731
    dx = rstd * (d - mean(d) - xhat * mean(d * xhat))
    return dx, (dy * xhat)[0, 0], dy[0, 0]


def without_gamma(dy, xhat, rstd, gamma):
    mean = lambda z: z.mean(axis=-1, keepdims=True)  # noqa: E731
    dx = rstd * (dy - mean(dy) - xhat * mean(dy * xhat))
    return dx, (dy * xhat).sum(axis=(0, 1)), dy.sum(axis=(0, 1))


def only_first_text(dy, xhat, rstd, gamma):
    dx, _, _ = without_gamma(gamma * dy, xhat, rstd, gamma)
    return dx, (dy * xhat)[0].sum(axis=0), dy[0].sum(axis=0)


def gain_einsum(x, gamma, dgamma):
    def backward(dy):
        np.add(dgamma, np.einsum("...d,...d->...d", dy, x).reshape(-1, len(gamma)).sum(0), dgamma)
        return dy * gamma

    return np.multiply(gamma, x), backward


def gain_loop(x, gamma, dgamma):
    def backward(dy):
        for row, grad in zip(x.reshape(-1, x.shape[-1]), dy.reshape(-1, x.shape[-1]), strict=True):
            dgamma[:] = dgamma + row * grad
        return gamma[None] * dy

    return x * gamma, backward


class Gain:
    def __init__(self, x, gamma, dgamma):
        self.x, self.gamma, self.dgamma = x, gamma, dgamma

    def __call__(self, dy):
        self.dgamma += (dy * self.x).sum(axis=tuple(range(dy.ndim - 1)))
        return self.gamma * dy


def beside_named(f, g):
    def layer(x):
        (y1, back1), (y2, back2) = f(x), g(x)

        def backward(dy):
            dx = np.zeros_like(dy)
            for back in (back1, back2):
                dx = dx + back(dy)
            return dx

        return y1 + y2, backward

    return layer


def beside_lists(f, g):
    def layer(x):
        made = [layer(x) for layer in (f, g)]
        return sum(y for y, _ in made), lambda dy: sum(back(dy) for _, back in made)

    return layer


def beside_lambda(f, g):
    return lambda x: (f(x)[0] + g(x)[0], lambda dy: f(x)[1](dy) + g(x)[1](dy))


def forgets_named(f):
    def layer(x):
        y, _ = f(x)

        def backward(dy):
            _, f_backward = f(x)
            return f_backward(dy)

        return y, backward

    return layer


def forgets_deleted(f):
    def layer(x):
        y, back = f(x)
        del back

        def again(dy):
            return f(x)[-1](dy)

        return [y, again]

    return layer


RIGHT = {
    "received_by_each": [
        received_loop,
        lambda P, mask: np.einsum("bhts,bt->bs", P, mask / mask.sum(1, keepdims=True))
        / P.shape[1],
        lambda P, mask: np.array([p.mean(0)[m].mean(0) for p, m in zip(P, mask, strict=True)]),
    ],
    "share_out": [share_out_loop, share_out_stack, lambda g, x, b, n: sum(
        g(b + (2 * k + 1) / (2 * n) * (x - b)) * (x - b) / n for k in range(n))],
    "tokens_looked_at": [
        looked_loop,
        lambda P: np.exp(-np.sum(P * np.log(P, where=P > 0, out=np.zeros_like(P)), axis=-1)),
        lambda P: np.exp(-np.nan_to_num(P * np.log(P)).sum(-1)),
    ],
    "shifted_windows": [windows_loop, windows_view, windows_index],
    "nucleus": [nucleus_loop, nucleus_before, nucleus_search],
    "next_token_attention": [cached, cached_loop, cached_einsum],
    "memory_gradient": [
        memory_loop,
        memory_concatenated,
        lambda dKs, dVs, W_ks, W_vs: np.einsum("nbse,nde->bsd", np.stack(dKs), np.stack(W_ks))
        + np.einsum("nbse,nde->bsd", np.stack(dVs), np.stack(W_vs)),
    ],
    "read_and_wanted": [wanted_concatenated, wanted_list, wanted_pad],
    "best_continuations": [beams_sorted, beams_unravel, beams_partition],
    "masked_softmax": [
        softmax_minimum,
        softmax_rows,
        lambda scores, mask: np.exp(
            (z := np.where(mask, scores, -np.inf)) - np.logaddexp.reduce(z, -1, keepdims=True)
        ),
    ],
    "crossing": [crossing_loop, crossing_interp, crossing_float],
    "repaired_8": [
        lambda dO, Q, K, V, P, mask: attention.backward_einsum(dO, Q, K, V, P),
        lambda dO, Q, K, V, P, mask: attention.backward_loop(dO, Q, K, V, P),
        lambda dO, Q, K, V, P, mask: attention.backward_scaled(dO, Q, K, V, np.where(mask, P, 0)),
    ],
    "repaired_11": elementwise.RIGHT["rotary_backward"],
    "repaired_12": blocks.RIGHT["embedding_backward"],
    "wrong_layer_norm_backward": [first_token_only, without_gamma, only_first_text],
    "gain": [gain_einsum, gain_loop, lambda x, gamma, dgamma: (gamma * x, Gain(x, gamma, dgamma))],
    "side_by_side": [beside_named, beside_lists, beside_lambda],
    "forgets": [forgets_named, forgets_deleted, lambda f: lambda x: (
        f(x)[0], lambda dy: f(x)[1](dy))],
}  # fmt: skip
