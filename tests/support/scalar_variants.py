"""Later inventions, as scalar loops: gated units, rotary positions, ALiBi, windows.

They follow the equations of their own papers, like :mod:`tests.support.scalar_reference`.
"""

import math

from tests.support.scalar_reference import _at, _entries


def silu(x):
    """x / (1 + exp(-x)): Ramachandran, Zoph and Le 2017, section 4, with beta = 1."""
    return _entries(lambda v: v / (1 + math.exp(-v)), x)


def swiglu(gate, up):
    """silu(gate) up, entry by entry: Shazeer 2020, equation (5)."""
    if not isinstance(gate, list):
        return silu(gate) * up
    return [swiglu(g, u) for g, u in zip(gate, up, strict=True)]


def rotary(x, cos, sin, index=()):
    """Su et al. 2021, equation (12): a pair of features is a complex number, times e^(i phi)."""
    if isinstance(x[0], list):
        return [rotary(part, cos, sin, (*index, n)) for n, part in enumerate(x)]
    half = len(x) // 2
    turned = [
        complex(x[i], x[i + half]) * complex(_at(cos, *index, i), _at(sin, *index, i))
        for i in range(half)
    ]
    return [z.real for z in turned] + [z.imag for z in turned]


def rotary_tables(max_len, d_k, base=10000.0):
    """Su et al. 2021, equation (15): the angle pos base^(-2i/E)."""
    angles = [[pos / base ** (2 * i / d_k) for i in range(d_k // 2)] for pos in range(max_len)]
    return _entries(math.cos, angles), _entries(math.sin, angles)


def alibi_slopes(n_heads):
    """Press, Smith and Lewis 2022, section 3: from 2^(-8/H) on, each that number times the last."""
    if math.log2(n_heads).is_integer():
        start = 2 ** (-8 / n_heads)
        return [start**h for h in range(1, n_heads + 1)]
    lower = 2 ** math.floor(math.log2(n_heads))
    return alibi_slopes(lower) + alibi_slopes(2 * lower)[::2][: n_heads - lower]


def alibi_bias(n_heads, query_positions, key_positions):
    """-m_h (q - k), for one text; 0 for keys after the query."""
    return [
        [[-m * (q - k) if k < q else 0.0 for k in key_positions] for q in query_positions]
        for m in alibi_slopes(n_heads)
    ]


def sliding_window_mask(T, window, S):
    """The query's own position, and window - 1 before it; queries stand at the end."""
    first = S - T
    return [[s in range(first + t - window + 1, first + t + 1) for s in range(S)]
            for t in range(T)]  # fmt: skip
