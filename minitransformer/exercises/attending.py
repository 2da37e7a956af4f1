"""Notebooks 6 and 7: attention, heads, masks."""

import numpy as np

from minitransformer.exercises.cases import SINGLE, SMALL, Variant
from minitransformer.exercises.tables import alone, backward, forward, scaled

ATTENTION, HEADS = "06_attention", "07_heads_and_masks"


def swap(x):
    return x.swapaxes(-1, -2)


def _softmax(S, axis=-1):
    P = np.exp(S - S.max(axis=axis, keepdims=True))
    return P / P.sum(axis=axis, keepdims=True)


def _scores(c, power=0.5):
    return c.Q @ swap(c.K) / c.Q.shape[-1] ** power


def _attend(P):
    """The mistake of other weights."""
    return lambda c: {"O": P(c) @ c.V, "P": P(c)}


def _minus_mask(c, axis=-1):
    """Weights that were masked behind the softmax."""
    return _softmax(_scores(c), axis) * c.mask


def _empty_row(inputs, rng):
    mask = inputs["mask"] if inputs["mask"].shape[2] > 1 else np.repeat(inputs["mask"], 5, axis=2)
    mask = mask.copy()
    mask[0, :, 1] = False
    return inputs | {"mask": mask}


def _padded(inputs, rng):
    """A padding mask: (B, 1, 1, S), at least one key for each text."""
    lengths = rng.integers(1, inputs["K"].shape[2], len(inputs["K"]))
    return inputs | {"mask": np.arange(inputs["K"].shape[2]) < lengths[:, None, None, None]}


def _causal(inputs, rng):
    T, S = inputs["Q"].shape[2], inputs["K"].shape[2]
    return inputs | {"mask": np.tril(np.ones((T, S), bool), S - T)}


MASKED = (
    Variant(
        "padding", {"mask": True}, ("mask",), _padded,
        "right without a mask; scores of keys that are masked become -inf before the softmax",
    ),
    Variant(
        "a causal mask", {"mask": True, "T": 5, "S": 5}, ("mask",), _causal,
        "right with a padding mask, wrong with a causal one: a mask (T, S) is broadcast over texts "
        "and heads",
    ),
    Variant(
        "a query with nothing to attend to", {"mask": True}, ("mask",), _empty_row,
        "right where every query has a key: a row that is masked everywhere gives 0, not NaN and "
        "not a mean",
    ),
)
PLAIN = (
    Variant("one head, B = 1", {"B": 1, "G": 1}),
    Variant("B = 1", {"B": 1}),
    Variant("B = 3"),
    Variant("T = S", {"T": 4, "S": 4}),
    SMALL,
    SINGLE,
)
DROPOUT = Variant(
    "dropout of the weights", {}, ("keep",),
    blame="right without dropout: O = (P keep) V, so keep multiplies P for dV, and dP on its way "
    "to the softmax",
)


def _gradients(c, P=None, minus=None, scale=0.5, dP=None):
    """dQ, dK, dV with what may go wrong as arguments; without dropout."""
    P = c.P if P is None else P
    dP = c.dO @ swap(c.V) if dP is None else dP
    dS = P * (dP - (P * dP).sum(-1, keepdims=True) if minus is None else minus(P, dP))
    dS = dS / c.Q.shape[-1] ** scale
    return {"dQ": dS @ c.K, "dK": swap(dS) @ c.Q, "dV": swap(P) @ c.dO}


def _weights(c):
    """P from the inputs, for the tiled form, which does not keep it."""
    S = _scores(c)
    if getattr(c, "mask", None) is not None:
        S = np.where(c.mask, S, -np.inf)
    return np.exp(S - c.logsumexp[..., None])


def _unmasked(c):
    return np.exp(_scores(c) - c.logsumexp[..., None])


SUM = "the sum term of softmax's backward pass, - P sum(P dP), is missing: dS = P (dP - sum(P dP))"
GRADIENTS = ("dQ", "dK", "dV")


def _only(made, *names):
    return {name: made[name] for name in names}


def _attention_mistakes(weights):
    """Mistakes in dQ and dK for given weights."""
    return {
        SUM: lambda c: _only(_gradients(c, weights(c), lambda P, dP: dP), "dQ", "dK"),
        "the scale 1 / sqrt(d_k) is missing on the way back": lambda c: _only(
            _gradients(c, weights(c), scale=0.0), "dQ", "dK"),
        "divided by d_k where sqrt(d_k) is meant, or scaled twice": lambda c: _only(
            _gradients(c, weights(c), scale=1.0), "dQ", "dK"),
        "the sum runs over the queries (axis -2), not over the keys": lambda c: _only(
            _gradients(c, weights(c), lambda P, dP: dP - (P * dP).sum(-2, keepdims=True)),
            "dQ", "dK"),
        "the sum is of dP alone: it should be of P dP": lambda c: _only(
            _gradients(c, weights(c), lambda P, dP: dP - dP.sum(-1, keepdims=True)), "dQ", "dK"),
        "a mean of P dP where the sum is meant": lambda c: _only(
            _gradients(c, weights(c), lambda P, dP: dP - (P * dP).mean(-1, keepdims=True)),
            "dQ", "dK"),
        "the softmax is passed as P (1 - P), the diagonal of its Jacobian alone": lambda c: _only(
            _gradients(c, weights(c), lambda P, dP: dP * (1 - P)), "dQ", "dK"),
        "the softmax is passed over on the way back: dP is used as dS": lambda c: _only(
            {"dQ": (c.dO @ swap(c.V)) @ c.K / c.Q.shape[-1] ** 0.5,
             "dK": swap(c.dO @ swap(c.V)) @ c.Q / c.Q.shape[-1] ** 0.5}, "dQ", "dK"),
    }


def _split(x, H):
    B, T, D = x.shape
    return x.reshape(B, T, H, D // H).transpose(0, 2, 1, 3)


def _merge(x):
    B, H, T, E = x.shape
    return x.transpose(0, 2, 1, 3).reshape(B, T, H * E)


MIXED = (
    "the right numbers at wrong places: a reshape alone mixes tokens with features; cut the "
    "features first, (B, T, H, E), then exchange T and H with a transpose"
)


def _split_mistakes(x, H):
    """Of split_heads, and of the backward pass of merge_heads, which is the same."""
    return {
        MIXED: lambda c: x(c).reshape(x(c).shape[0], H(c), x(c).shape[1], -1),
        "features are dealt out to the heads in turn: head h has the features h E to (h + 1) E": (
            lambda c: x(c).reshape(*x(c).shape[:2], -1, H(c)).transpose(0, 3, 1, 2)
        ),
        "the heads stand in reverse order": lambda c: _split(x(c), H(c))[:, ::-1],
        "the tokens stand in reverse order": lambda c: _split(x(c), H(c))[:, :, ::-1],
    }


def _merge_mistakes(x):
    return {
        "the right numbers at wrong places: a reshape alone mixes heads with tokens; exchange T "
        "and H first, then put H and E on one axis": lambda c: x(c).reshape(
            x(c).shape[0], x(c).shape[2], -1),
        "E and H have changed places: the features of a head stand side by side": lambda c: (
            x(c).transpose(0, 2, 3, 1).reshape(x(c).shape[0], x(c).shape[2], -1)
        ),
        "the heads stand in reverse order": lambda c: _merge(x(c)[:, ::-1]),
        "the tokens stand in reverse order": lambda c: _merge(x(c)[:, :, ::-1]),
    }


SPLIT_CASES = (
    Variant("one head", {"H": 1}),
    Variant("B = 1", {"B": 1}),
    Variant("B = 3"),
    Variant("H = T", {"H": 3, "T": 3}),
    SINGLE,
)
MERGED_CASES = (
    Variant("one head", {"H": 1}), Variant("B = 1", {"B": 1}), Variant("B = 3", {"E": 3}),
    Variant("H = T", {"H": 3, "T": 3}), SINGLE,
)


def _lengths(inputs, rng):
    return {"lengths": rng.integers(0, 8, int(rng.integers(1, 5))), "S": 7}


def _seen(T, S, rule):
    S = T if S is None else S
    return rule(np.arange(T)[:, None], np.arange(S)[None, :], S - T)


def _thirds(c):
    return np.concatenate([c.dQ, c.dK, c.dV], axis=-1)


def _qkv(c, d):
    rows = d.reshape(-1, d.shape[-1])
    x = c.x.reshape(-1, c.x.shape[-1])
    return {"dx": d @ c.W.T, "dW": x.T @ rows, "db": rows.sum(axis=0)}


def _blocks(c, use):
    """dx from some of the three paths."""
    D = c.dQ.shape[-1]
    return {"dx": sum(
        getattr(c, n) @ c.W[:, i * D:(i + 1) * D].T for i, n in enumerate(GRADIENTS) if n in use)}


EXERCISES = [
    forward(
        "attention", ("O", "P"), ATTENTION,
        (
            "Four steps: compare, scale, softmax, mix. Each is one line.",
            "scores = Q @ K.swapaxes(-1, -2) / sqrt(E); where the mask is False they become -inf "
            "(np.where); softmax along the last axis.",
            "Subtract each row's largest score before exp, or 0 if it is -inf; divide by the sum, or "
            "by 1 where it is 0. Then O = P @ V.",
        ),
        variants=(
            *PLAIN, *MASKED,
            scaled("Q", 1e4, "large scores",
                   "right for small scores; exp overflows at large ones: subtract each row's "
                   "largest score first"),
        ),
        required=1, needed=("mask",),
        mistakes={
            "the scores are not divided by sqrt(d_k)": _attend(lambda c: _softmax(_scores(c, 0))),
            "divided by d_k: its root is meant": _attend(lambda c: _softmax(_scores(c, 1))),
            "divided by sqrt(T) or another size: sqrt(d_k) is meant, the last axis of Q": _attend(
                lambda c: _softmax(_scores(c, 0) / c.Q.shape[-2] ** 0.5)),
            "divided by sqrt(d_model), all heads together: sqrt(d_k) is meant, the features of one "
            "head": _attend(lambda c: _softmax(
                _scores(c, 0) / (c.Q.shape[-1] * c.Q.shape[1]) ** 0.5)),
            "the softmax runs over the queries (axis -2): each query's weights over the keys sum "
            "to 1": _attend(lambda c: _softmax(_scores(c), -2)),
            "the softmax is missing": _attend(_scores),
            "multiplied by sqrt(d_k): the scores are divided by it": _attend(
                lambda c: _softmax(_scores(c, -0.5))),
            "K is mixed, not V: the result is a mean of values": lambda c: {
                "O": _softmax(_scores(c)) @ c.K},
            "the mask is applied behind the softmax: the rows no longer sum to 1": _attend(
                _minus_mask),
            "the mask is the wrong way round: True = may attend": _attend(
                lambda c: _softmax(np.where(c.mask, -1e300, _scores(c)))),
            "masked scores become 0, which is a score like any other: -inf is meant": _attend(
                lambda c: _softmax(np.where(c.mask, _scores(c), 0))),
            "the mask is not used": _attend(lambda c: _softmax(_scores(c)) * (0 * c.mask + 1)),
        },
    ),
    backward(
        "attention_backward", GRADIENTS, ATTENTION,
        (
            "The four steps in reverse; for each you need its own forward line only.",
            "dV and dP from O = P V; dS = P (dP - sum of P dP along the keys); scale; dQ and dK from "
            "Q K^T.",
            "dV = P^T dO, dP = dO V^T, dQ = dS K / sqrt(E), dK = dS^T Q / sqrt(E), where ^T is "
            "swapaxes(-1, -2).",
        ),
        variants=(*PLAIN, *MASKED, DROPOUT),
        mistakes={
            **_attention_mistakes(lambda c: c.P),
            "P is turned round: each value gets what every query took of it, P^T dO": lambda c: {
                "dV": c.P @ c.dO},
            "the scores' gradient dP is used where the weights P are meant": lambda c: {
                "dV": swap(c.dO @ swap(c.V)) @ c.dO},
            "a factor sqrt(d_k) that belongs to the scores only": lambda c: {
                "dV": swap(c.P) @ c.dO / c.Q.shape[-1] ** 0.5},
            "dS is not transposed: dK = dS^T Q, summed over the queries": lambda c: {
                "dK": swap(_gradients(c)["dQ"]) if c.Q.shape[-2] == c.K.shape[-2] else None},
        },
    ),
    backward(
        "tiled_attention_backward", GRADIENTS, HEADS,
        (
            "P is not there, but logsumexp is: P = exp(scores - logsumexp).",
            "The sum of P dP along the keys is the sum of dO O along the features: no second pass.",
            "dS = P (dP - sum(dO O)) / sqrt(E), then as in attention_backward; scores under the mask "
            "are -inf, so P is 0 there.",
        ),
        variants=(
            *PLAIN,
            *(v for v in MASKED[:2]),
        ),
        mistakes={
            **_attention_mistakes(_weights),
            "the mask is forgotten when P is computed again": lambda c: _gradients(c, _unmasked(c)),
            "the scale is forgotten when P is computed again": lambda c: _gradients(
                c, np.exp(c.Q @ swap(c.K) - c.logsumexp[..., None])),
            "P is turned round: each value gets what every query took of it, P^T dO": lambda c: {
                "dV": _weights(c) @ c.dO},
            "logsumexp is forgotten: the weights are exp(scores - logsumexp)": lambda c: _gradients(
                c, np.exp(_scores(c)),
                lambda P, dP: dP - (c.dO * c.O).sum(-1, keepdims=True)),
            "divided by logsumexp: it is a logarithm, subtract it from the scores": lambda c: (
                _gradients(c, np.exp(_scores(c)) / c.logsumexp[..., None],
                           lambda P, dP: dP - (c.dO * c.O).sum(-1, keepdims=True))),
            "the sum dO O runs over all heads, or tokens, together": lambda c: _only(
                _gradients(c, _weights(c), lambda P, dP: dP - (c.dO * c.O).sum()), "dQ", "dK"),
        },
    ),
    backward(
        "qkv_projection_backward", ("dx", "dW", "db"), ATTENTION,
        (
            "x was used three times: its gradient is a sum of three.",
            "Put dQ, dK and dV side by side on the last axis: then it is the linear map's backward "
            "pass.",
            "With d (tokens, 3D): dx = d W^T, dW = x^T d, db = the sum of d's rows.",
        ),
        mistakes={
            "only the path through Q: x was used three times": lambda c: _blocks(c, "dQ"),
            "only the path through K: x was used three times": lambda c: _blocks(c, "dK"),
            "only the path through V: x was used three times": lambda c: _blocks(c, "dV"),
            "the path through Q is missing": lambda c: _blocks(c, ("dK", "dV")),
            "the path through K is missing": lambda c: _blocks(c, ("dQ", "dV")),
            "the path through V is missing": lambda c: _blocks(c, ("dQ", "dK")),
            "the thirds stand in the order K, Q, V: it is Q, K, V": lambda c: _qkv(
                c, np.concatenate([c.dK, c.dQ, c.dV], axis=-1)),
            "the thirds stand in the order V, K, Q: it is Q, K, V": lambda c: _qkv(
                c, np.concatenate([c.dV, c.dK, c.dQ], axis=-1)),
            "the thirds stand in the order Q, V, K: it is Q, K, V": lambda c: _qkv(
                c, np.concatenate([c.dQ, c.dV, c.dK], axis=-1)),
            "a mean over the three paths where their sum is meant": lambda c: {
                "dx": _qkv(c, _thirds(c))["dx"] / 3},
            "a mean over the tokens where a sum is meant": lambda c: {
                "dW": _qkv(c, _thirds(c))["dW"] / (c.x.size // c.x.shape[-1]),
                "db": _thirds(c).mean(axis=(0, 1))},
            "only the first text's contribution: sum over all texts": lambda c: {
                "dW": c.x[0].T @ _thirds(c)[0], "db": _thirds(c)[0].sum(axis=0)},
        },
    ),
    forward(
        "split_heads", ("heads",), HEADS,
        (
            "The features of one token lie side by side: cut that axis first.",
            "reshape(B, T, H, E) cuts the features into heads; H then stands in the wrong place.",
            "Exchange T and H with transpose(0, 2, 1, 3).",
        ),
        variants=SPLIT_CASES,
        mistakes=_split_mistakes(lambda c: c.x, lambda c: c.n_heads),
    ),
    backward(
        "split_heads_backward", ("dx",), HEADS,
        (
            "Numbers only moved. The backward pass moves them back.",
            "Undo the last step first: exchange T and H again.",
            "transpose(0, 2, 1, 3), then reshape(B, T, H * E).",
        ),
        variants=SPLIT_CASES, mistakes=_merge_mistakes(lambda c: c.dy),
    ),
    forward(
        "merge_heads", ("y",), HEADS,
        (
            "The features of all heads of one token are to stand side by side.",
            "A reshape reads numbers in their order: T and H must be exchanged before.",
            "transpose(0, 2, 1, 3), then reshape(B, T, H * E).",
        ),
        variants=MERGED_CASES, mistakes=_merge_mistakes(lambda c: c.x),
    ),
    backward(
        "merge_heads_backward", ("dx",), HEADS,
        (
            "Numbers only moved. The backward pass moves them back.",
            "Cut the features into heads, then exchange T and H.",
            "reshape(B, T, n_heads, D // n_heads), then transpose(0, 2, 1, 3).",
        ),
        variants=MERGED_CASES,
        mistakes=_split_mistakes(lambda c: c.dy, lambda c: c.n_heads),
    ),
    alone(
        "causal_mask", ("mask",), HEADS,
        (
            "Query t may see key s if s does not come after it.",
            "Compare a column of query positions with a row of key positions.",
            "The T queries are the last of S positions: query t stands at S - T + t.",
        ),
        example=lambda sizes, rng: {"T": 4}, needed=("S",),
        variants=(
            Variant("T = S"),
            Variant("one token", adjust=lambda i, rng: {"T": 1}),
            Variant(
                "more keys than queries", {}, ("S",), lambda i, rng: {"T": 2, "S": 5},
                "right for as many keys as queries; with more keys the queries are the last T of S "
                "positions",
            ),
            Variant(
                "random sizes", {}, ("S",),
                lambda i, rng: {"T": (T := int(rng.integers(1, 7))), "S": T + int(rng.integers(4))},
                "right for as many keys as queries; with more keys the queries are the last T of S "
                "positions",
            ),
        ),
        mistakes={
            "the wrong way round: True = may be seen, which is what came before": lambda c: _seen(
                c.T, getattr(c, "S", None), lambda t, s, back: s > t + back),
            "transposed: rows are queries, columns are keys": lambda c: _seen(
                c.T, getattr(c, "S", None), lambda t, s, back: s >= t + back),
            "a token may see itself: the diagonal is True": lambda c: _seen(
                c.T, getattr(c, "S", None), lambda t, s, back: s < t + back),
            "a token sees the one that comes next: the diagonal is the last True": lambda c: _seen(
                c.T, getattr(c, "S", None), lambda t, s, back: s <= t + back + 1),
            "everything may be seen": lambda c: _seen(
                c.T, getattr(c, "S", None), lambda t, s, back: (s >= 0) & (t >= 0)),
            "with more keys than queries, the queries are the last T of S positions, not the "
            "first": lambda c: _seen(c.T, c.S, lambda t, s, back: s <= t),
        },
    ),
    alone(
        "padding_mask", ("mask",), HEADS,
        (
            "Key s of text b is real if s is below the text's length.",
            "Compare np.arange(S) with the lengths as a column.",
            "The result (B, S) has to be broadcast to (B, H, T, S): [:, None, None, :].",
        ),
        example=lambda sizes, rng: {"lengths": np.array([2, 5, 3]), "S": 5},
        variants=(
            Variant("three texts"),
            Variant("one text", adjust=lambda i, rng: {"lengths": np.array([3]), "S": 4}),
            Variant("an empty text", adjust=lambda i, rng: {"lengths": np.array([0, 2]), "S": 3}),
            Variant("random lengths", adjust=_lengths),
        ),
        mistakes={
            "the wrong way round: True = a real token": lambda c: (
                np.arange(c.S) >= c.lengths[:, None, None, None]),
            "one token too many: a text of n tokens has the keys 0 to n - 1": lambda c: (
                np.arange(c.S) <= c.lengths[:, None, None, None]),
            "one token too few": lambda c: np.arange(c.S) < c.lengths[:, None, None, None] - 1,
            "padding stands behind the text here, not in front": lambda c: (
                np.arange(c.S)[::-1] < c.lengths[:, None, None, None]),
            "everything may be seen": lambda c: (
                np.arange(c.S) < c.S + 0 * c.lengths[:, None, None, None]),
            "all texts have the first text's length": lambda c: (
                np.arange(c.S) < c.lengths[:1, None, None, None] + 0 * c.lengths[
                    :, None, None, None]),
        },
    ),
]
