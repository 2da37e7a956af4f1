"""Small models and data for the tests of training: a step takes a few milliseconds."""

import numpy as np

from minitransformer import functional, fused
from minitransformer.backend import array_module
from minitransformer.functional import causal_mask, mean_pool, mean_pool_backward
from minitransformer.layers import Embedding, EncoderBlock, FlatParameters, Linear
from minitransformer.models.classifier import TransformerClassifier
from minitransformer.training import Adam, LanguageModelling, Translating

OPS = {"fused": fused, "plain": functional}

VOCAB = 20


def toy_data(n=60, seed=0, longest=9):
    """Sequences of 2 to `longest` tokens; class 1 exactly when token 5 is among them.

    Returns
    -------
    x : list of int arrays
    y : (n,) int64 array
    """
    rng = np.random.default_rng(seed)
    x = []
    for i in range(n):
        sequence = rng.integers(6, VOCAB, rng.integers(2, longest + 1))
        if i % 2:
            sequence[rng.integers(len(sequence))] = 5
        x.append(sequence)
    return x, np.array([int((sequence == 5).any()) for sequence in x])


def toy_model(**config):
    """A classifier with one block of width 8, float64, dropout on."""
    defaults = {
        "max_len": 12,
        "d_model": 8,
        "n_heads": 2,
        "d_ff": 16,
        "n_layers": 1,
        "dropout": 0.1,
        "dtype": "float64",
    }
    return TransformerClassifier(VOCAB, 2, **{**defaults, **config})


def padded(x, width=None):
    """Sequences as an (n, T) array with trailing zeros."""
    width = width or max(map(len, x))
    return np.array([[*row, *[0] * (width - len(row))] for row in x])


def fitted(seed=0, epochs=2, model=None, fit=None, **recipe):
    """A toy model after a short fit, and its history."""
    x, y = toy_data()
    model = model or toy_model(seed=seed)
    model.compile(**{"optimizer": Adam(0.01), "micro_batch_tokens": 40, **recipe})
    history = model.fit(x, y, epochs=epochs, batch_size=12, verbose=0, **(fit or {}))
    return model, history


def compiled(**config):
    """A toy model that is ready for fit."""
    model = toy_model(**config)
    model.compile(Adam(0.01), micro_batch_tokens=40)
    return model


class ToyWriter(LanguageModelling):
    """The smallest language model that can learn something: one causal block."""

    def __init__(
        self, vocab_size=VOCAB, max_len=8, d_model=8, dropout=0.1, seed=0, dtype="float64",
        ops="plain",
    ):  # fmt: skip
        self.config = {k: v for k, v in locals().items() if k not in ("self", "__class__")}
        self.vocab_size, self.max_len, self.seed = vocab_size, max_len, seed
        self.dtype = np.dtype(dtype)
        draws = {"rng": np.random.default_rng(seed), "dtype": dtype, "ops": OPS[ops]}
        self.embedding = Embedding(vocab_size, d_model, **draws)
        self.block = EncoderBlock(d_model, 2, 2 * d_model, dropout=dropout, **draws)
        self.head = Linear(d_model, vocab_size, **draws)
        self.flat = FlatParameters(self.parameters())

    def forward(self, ids, *, mask=None, rng=None):
        x, embedding = self.embedding.forward(ids)
        causal = array_module(x).asarray(causal_mask(ids.shape[1]))
        x, block = self.block.forward(x, mask=causal, rng=rng)
        logits, head = self.head.forward(x)
        return logits, (embedding, block, head)

    def backward(self, dlogits, cache):
        embedding, block, head = cache
        dx = self.block.backward(self.head.backward(dlogits, head), block)
        self.embedding.backward(dx, embedding)


class ToyTranslator(Translating):
    """A :class:`ToyWriter` that adds the mean of the source to every token of the target."""

    def __init__(
        self, vocab_size=VOCAB, target_vocab_size=VOCAB + 3, max_len=8, d_model=8, dropout=0.1,
        seed=0, dtype="float64", ops="plain",
    ):  # fmt: skip
        self.config = {k: v for k, v in locals().items() if k not in ("self", "__class__")}
        self.vocab_size, self.target_vocab_size = vocab_size, target_vocab_size
        self.max_len, self.seed, self.dtype = max_len, seed, np.dtype(dtype)
        draws = {"rng": np.random.default_rng(seed), "dtype": dtype, "ops": OPS[ops]}
        self.source = Embedding(vocab_size, d_model, **draws)
        self.writer = ToyWriter(target_vocab_size, max_len, d_model, dropout, seed, dtype, ops)
        self.flat = FlatParameters(self.parameters())

    def forward(self, source, target, *, source_mask=None, target_mask=None, rng=None):
        x, embedded = self.source.forward(source)
        writer = self.writer
        y, embedding = writer.embedding.forward(target)
        y = y + mean_pool(x, source_mask)[:, None]
        causal = array_module(x).asarray(causal_mask(target.shape[1]))
        y, block = writer.block.forward(y, mask=causal, rng=rng)
        logits, head = writer.head.forward(y)
        return logits, (embedded, source.shape[1], source_mask, embedding, block, head)

    def backward(self, dlogits, cache):
        embedded, length, source_mask, embedding, block, head = cache
        writer = self.writer
        dy = writer.block.backward(writer.head.backward(dlogits, head), block)
        writer.embedding.backward(dy, embedding)
        dx = mean_pool_backward(dy.sum(axis=1), length, source_mask)
        self.source.backward(dx, embedded)


def toy_text(n=400, seed=0):
    """Ids that depend on the previous id: each is followed by the next number, or by 3."""
    rng = np.random.default_rng(seed)
    ids = [3]
    while len(ids) < n:
        ids.append(3 if rng.random() < 0.2 else (ids[-1] + 1) % VOCAB)
    return np.array(ids)


START, END = 1, 2


def toy_pairs(n=60, seed=0, longest=7):
    """Sources of 1 to `longest` tokens; each target repeats the largest token of its source.

    Returns
    -------
    sources, targets : lists of int arrays
    """
    rng = np.random.default_rng(seed)
    sources = [rng.integers(3, VOCAB, rng.integers(1, longest + 1)) for _ in range(n)]
    return sources, [np.full(rng.integers(0, len(x) + 1), x.max()) for x in sources]
