"""A printed cache shows names and shapes."""

from typing import NamedTuple

import numpy as np

from minitransformer import GPT, Transformer, TransformerClassifier
from minitransformer.layers.shown import by_shape

IDS = np.array([[5, 7, 3, 8], [1, 2, 0, 0]])
SIZES = {"vocab_size": 20, "max_len": 4, "d_model": 8, "n_heads": 2, "d_ff": 12, "n_layers": 2}


def test_a_classifier_s_cache_is_a_tree_of_names_and_shapes():
    model = TransformerClassifier(n_classes=3, **SIZES)
    _, cache = model.forward(IDS, mask=IDS > 0, rng=np.random.default_rng(0))
    lines = repr(cache).splitlines()
    assert lines[:4] == [
        "ClassifierCache",
        "  embedding: EmbeddingCache",
        "    ids: (2, 4) int64",
        "  embedded: (2, 4, 8) float32",
    ]
    block = lines.index("  blocks[1]: EncoderBlockCache")
    assert "      P: (2, 2, 4, 4) float32" in lines[block:]
    assert "  mask: (2, 4) bool" in lines
    assert "  pooling: None" in lines
    assert max(map(len, lines)) < 80
    assert str(cache) == repr(cache)


def test_caches_of_all_models_are_short():
    gpt = GPT(**SIZES)
    translator = Transformer(**SIZES, attention="tiled")
    for _, cache in (gpt.forward(IDS), translator.forward(IDS, IDS)):
        assert 50 < len(repr(cache).splitlines()) < 250
        assert "array(" not in repr(cache)


def test_several_arrays_share_a_line_and_other_values_are_shown():
    @by_shape
    class Cache(NamedTuple):
        rotary: tuple
        seed: int
        nothing: tuple

    cache = Cache((np.zeros((2, 3)), np.zeros(4, "float32")), 7, ())
    assert repr(cache) == (
        "Cache\n  rotary: (2, 3) float64, (4,) float32\n  seed: 7\n  nothing: ()"
    )
