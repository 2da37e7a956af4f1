"""Every forward function again, as slow scalar loops that follow the paper's equations.

Arrays are nested lists, numbers are Python floats, and every sum is :func:`math.fsum`, which is
exact up to the last rounding. A difference between these loops and the package is therefore the
package's own rounding. Nothing here is vectorised, stabilised or shared with the package.
"""

import math


def _each(function, x, depth):
    """`function` of every sub-list `depth` axes down."""
    return function(x) if depth == 0 else [_each(function, part, depth - 1) for part in x]


def _depth(x):
    return 1 + _depth(x[0]) if isinstance(x, list) and x else int(isinstance(x, list))


def _rows(function, x):
    """`function` of every row, the last axis."""
    return _each(function, x, max(_depth(x) - 1, 0))


def _entries(function, x):
    return _each(function, x, _depth(x))


def _at(x, *index):
    """An entry of an array that broadcasts: a missing or length-1 axis is the same everywhere."""
    for i in index[len(index) - _depth(x) :]:
        x = x[0 if len(x) == 1 else i]
    return x


def linear(x, W, b=None):
    """y_f = sum_d x_d W_df + b_f for every token."""
    columns = range(len(W[0]))

    def row(v):
        return [
            math.fsum([v[d] * W[d][f] for d in range(len(W))] + [b[f] if b else 0.0])
            for f in columns
        ]

    return _rows(row, x)


def qkv_projection(x, W, b=None):
    """Q, K and V from the three thirds of W, one after the other."""
    third = len(W[0]) // 3
    parts = [slice(n * third, (n + 1) * third) for n in range(3)]
    return tuple(linear(x, [row[part] for row in W], b and b[part]) for part in parts)


def relu(x):
    """max(x, 0): Vaswani et al. 2017, equation (2)."""
    return _entries(lambda v: v if v > 0 else 0.0, x)


def gelu(x, approximate="none"):
    """x Phi(x): Hendrycks and Gimpel 2016, section 2."""
    if approximate == "tanh":
        root = math.sqrt(2 / math.pi)
        return _entries(lambda v: 0.5 * v * (1 + math.tanh(root * (v + 0.044715 * v**3))), x)
    # erfc keeps the digits of Phi far to the left, where 1 + erf would cancel
    return _entries(lambda v: v * 0.5 * math.erfc(-v / math.sqrt(2)), x)


def _softmax_row(v):
    total = math.fsum(math.exp(s) for s in v)
    return [math.exp(s) / total for s in v]


def _log_softmax_row(v):
    log_total = math.log(math.fsum(math.exp(s) for s in v)) if v else 0.0
    return [s - log_total for s in v]


def _along(function, x, axis):
    """`function` of the rows along axis -1, or along axis 1 of (B, T, D)."""
    if axis == -1:
        return _rows(function, x)
    turned = [[list(column) for column in zip(*matrix, strict=True)] for matrix in x]
    return [
        [list(column) for column in zip(*matrix, strict=True)] for matrix in _rows(function, turned)
    ]


def softmax(x, axis=-1):
    """exp(x_i) / sum_j exp(x_j)."""
    return _along(_softmax_row, x, axis)


def log_softmax(x, axis=-1):
    """x_i - log sum_j exp(x_j)."""
    return _along(_log_softmax_row, x, axis)


def layer_norm(x, gamma, beta, eps=1e-5):
    """Ba, Kiros and Hinton 2016, equations (3) and (4); returns y, xhat and rstd."""

    def normalise(v):
        mean = math.fsum(v) / len(v)
        variance = math.fsum((s - mean) ** 2 for s in v) / len(v)
        return [(s - mean) / math.sqrt(variance + eps) for s in v]

    def rstd(v):
        mean = math.fsum(v) / len(v)
        return [1 / math.sqrt(math.fsum((s - mean) ** 2 for s in v) / len(v) + eps)]

    xhat = _rows(normalise, x)
    y = _rows(lambda v: [g * s + c for g, s, c in zip(gamma, v, beta, strict=True)], xhat)
    return y, xhat, _rows(rstd, x)


def rms_norm(x, gamma, eps=1e-6):
    """Zhang and Sennrich 2019, equation (4); returns y, xhat and rstd."""

    def root(v):
        return math.sqrt(math.fsum(s * s for s in v) / len(v) + eps)

    xhat = _rows(lambda v: [s / root(v) for s in v], x)
    y = _rows(lambda v: [g * s for g, s in zip(gamma, v, strict=True)], xhat)
    return y, xhat, _rows(lambda v: [1 / root(v)], x)


def dropout(x, keep):
    """x keep, entry by entry."""
    if not isinstance(x, list):
        return x * keep
    return [dropout(v, k) for v, k in zip(x, keep, strict=True)]


def embedding(ids, W):
    """Row ids[t] of the table."""
    return _entries(lambda token: list(W[token]), ids)


def attention(Q, K, V, mask=None, keep=None, bias=None):
    """Vaswani et al. 2017, equation (1), one query at a time; returns O and P."""
    if Q and max(_depth(Q), _depth(K)) < 4:  # no batch, or neither batch nor heads
        O, P = attention([Q], [K], [V], mask, keep, bias)
        return O[0], P[0]
    H, G = len(Q[0]) if Q else 0, len(K[0]) if K else 0

    def one_query(n, h, t):
        g = h // (H // G)  # the group of query heads that share this key head
        return _attend(Q[n][h][t], K[n][g], V[n][g], (n, h, t), mask, keep, bias)

    both = [
        [[one_query(n, h, t) for t in range(len(Q[n][h]))] for h in range(H)] for n in range(len(Q))
    ]
    return _each(lambda pair: pair[0], both, 3), _each(lambda pair: pair[1], both, 3)


def _attend(q, K, V, index, mask, keep, bias):
    """What one query gets, and its weights: softmax over the keys that it may see."""
    seen = [s for s in range(len(K)) if mask is None or _at(mask, *index, s)]
    scores = {
        s: math.fsum(a * b for a, b in zip(q, K[s], strict=True)) / math.sqrt(len(q))
        + (0.0 if bias is None else _at(bias, *index, s))
        for s in seen
    }
    weights = dict(zip(seen, _softmax_row([scores[s] for s in seen]), strict=True))
    p = [weights.get(s, 0.0) for s in range(len(K))]
    a = [w * (1.0 if keep is None else _at(keep, *index, s)) for s, w in enumerate(p)]
    return [math.fsum(a[s] * V[s][e] for s in range(len(V))) for e in range(len(q))], p


def split_heads(x, n_heads):
    """Head h of a token is its features h E to (h + 1) E."""
    return [
        [
            [
                token[h * (len(token) // n_heads) : (h + 1) * (len(token) // n_heads)]
                for token in text
            ]
            for h in range(n_heads)
        ]
        for text in x
    ]


def merge_heads(x):
    """The features of all heads of a token, one head after the other."""
    return [
        [[value for head in text for value in head[t]] for t in range(len(text[0]))] for text in x
    ]


def _flat(x, depth):
    return list(x) if depth <= 1 else [leaf for part in x for leaf in _flat(part, depth - 1)]


def cross_entropy(logits, targets, label_smoothing=0.0, class_weights=None, ignore_index=None):
    """Weighted mean of -log p_y, the target smoothed; 0 when nothing counts."""
    depth = _depth(targets)
    rows, labels = _flat(logits, depth), _flat(targets, depth)
    pairs = [(v, y) for v, y in zip(rows, labels, strict=True) if y != ignore_index]
    terms, weights = [], []
    for v, y in pairs:
        C = len(v)
        w = class_weights or [1.0] * C
        log_p = _log_softmax_row(v)
        smooth = math.fsum(w[c] * log_p[c] for c in range(C)) / C
        terms.append((1 - label_smoothing) * w[y] * log_p[y] + label_smoothing * smooth)
        weights.append(w[y])
    return -math.fsum(terms) / math.fsum(weights) if pairs else 0.0


def mean_squared_error(y, target):
    """Mean of (y - t)^2; returns the loss and the differences."""
    depth = _depth(y)
    difference = [a - b for a, b in zip(_flat(y, depth), _flat(target, depth), strict=True)]
    n = len(difference)
    return (math.fsum(d * d for d in difference) / n if n else 0.0), difference


def _real(text, real):
    return [v for t, v in enumerate(text) if real is None or real[t]]


def mean_pool(x, mask=None):
    """Mean of the real tokens, 0 where there is none; needs T of at least 1."""
    pooled = []
    for n, text in enumerate(x):
        tokens = _real(text, mask and mask[n])
        features = range(len(text[0]))
        pooled.append([math.fsum(v[d] for v in tokens) / max(len(tokens), 1) for d in features])
    return pooled


def max_pool(x, mask=None):
    """Largest value of the real tokens and the first token that has it, 0 and -1 if none."""
    values, winners = [], []
    for n, text in enumerate(x):
        value, winner = [0.0] * len(text[0]), [-1] * len(text[0])
        for t, token in enumerate(text):
            for d, v in enumerate(token):
                if (mask is None or mask[n][t]) and (winner[d] < 0 or v > value[d]):
                    value[d], winner[d] = v, t
        values.append(value)
        winners.append(winner)
    return values, winners


def first_pool(x, mask=None):
    """The first real token, 0 where there is none; needs T of at least 1."""
    pooled = []
    for n, text in enumerate(x):
        tokens = _real(text, mask and mask[n])
        pooled.append(list(tokens[0]) if tokens else [0.0] * len(text[0]))
    return pooled
