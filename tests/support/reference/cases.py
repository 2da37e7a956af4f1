"""The inputs of the comparison with PyTorch: pairs, classifiers, and a short training run.

Every value is rounded to float32 first, so that the float32 engine gets the very same numbers.
"""

import numpy as np

from minitransformer.functional import PAIRS
from minitransformer.models import TransformerClassifier

SIZES = {
    "B": 2,
    "T": 4,
    "S": 5,
    "D": 6,
    "E": 3,
    "H": 2,
    "F": 4,
    "C": 5,
    "V": 6,
    "G": 2,
    "H/G": 2,
    "E/2": 3,
}
# Functions with options that the examples draw at random need more cases to meet each of them.
N_CASES = {
    "attention": 10,
    "tiled_attention": 10,
    "cross_entropy": 10,
    "mean_pool": 4,
    "max_pool": 4,
    "rotary": 5,
}


def rounded(value):
    """A float64 array whose values float32 can hold; anything else as it is."""
    floating = isinstance(value, np.ndarray) and value.dtype.kind == "f"
    return value.astype(np.float32).astype(np.float64) if floating else value


def pair_cases(name):
    """Inputs of some calls of a pair, and the generator for their upstream gradients."""
    for i in range(N_CASES.get(name, 3)):
        rng = np.random.default_rng([2, i])
        inputs = PAIRS[name].example(rng, **(SIZES if i else {}))
        yield {key: rounded(value) for key, value in inputs.items()}, rng


MODELS = {
    "pre-mean": {"norm": "pre", "pooling": "mean", "activation": "gelu"},
    "pre-max": {"norm": "pre", "pooling": "max", "activation": "relu", "positions": "learned"},
    "pre-first": {"norm": "pre", "pooling": "first", "activation": "gelu_tanh"},
    "post-mean": {"norm": "post", "pooling": "mean", "activation": "relu"},
    "post-max": {"norm": "post", "pooling": "max", "activation": "gelu"},
    "post-first": {
        "norm": "post",
        "pooling": "first",
        "activation": "gelu",
        "positions": "learned",
    },
}
MODEL_SIZES = {
    "vocab_size": 17,
    "n_classes": 3,
    "max_len": 9,
    "d_model": 8,
    "n_heads": 2,
    "d_ff": 12,
    "n_layers": 2,
    "dropout": 0.0,
}
RUNS = {
    "pre": {"norm": "pre", "pooling": "mean", "activation": "gelu"},
    "post": {"norm": "post", "pooling": "mean", "activation": "gelu"},
}
RUN_SIZES = MODEL_SIZES | {"vocab_size": 40, "max_len": 12, "d_model": 16, "n_heads": 4, "d_ff": 32}
RUN_STEPS, RUN_LEARNING_RATE = 100, 3e-3


def initial_values(choices, sizes):
    """Parameters by name: our initial weights, with biases and scales moved away from 0 and 1."""
    model = TransformerClassifier(**sizes, **choices, seed=3, dtype="float64")
    rng = np.random.default_rng(4)
    return {
        name: rounded(p.value + 0.1 * rng.standard_normal(p.shape))
        for name, p in model.parameters().items()
    }


def batch(sizes, n_texts, seed):
    """ids (B, T), mask (B, T) with texts from one token up, labels (B,) that depend on the ids."""
    rng = np.random.default_rng(seed)
    T = sizes["max_len"]
    lengths = np.concatenate([[1, T], rng.integers(1, T + 1, n_texts - 2)])
    mask = np.arange(T) < lengths[:, None]
    ids = np.where(mask, rng.integers(0, sizes["vocab_size"], (n_texts, T)), 0)
    return ids, mask, ids.sum(axis=1) % sizes["n_classes"]
