"""Sizes that a file declares are compared with the file before arrays of these sizes are made."""

import itertools
import json
import tracemalloc

import numpy as np
import pytest

from minitransformer.models import GPT, Transformer, TransformerClassifier
from minitransformer.runs.config import sealed
from minitransformer.runs.run_folder import RunFolder
from minitransformer.storage import read_json, save_arrays, write_json
from minitransformer.training.model_file import FORMAT

KINDS = {
    GPT: [{}, {"tied": False, "activation": "swiglu"}, {"bias": False, "n_kv_heads": 1},
          {"norm_kind": "rms", "positions": "none"}],
    Transformer: [{}, {"n_decoder_layers": 1}, {"tied": False, "target_vocab_size": 9},
                  {"activation": "swiglu"}],
    TransformerClassifier: [{"n_classes": 2}, {"n_classes": 5, "pooling": "first"}],
}  # fmt: skip


@pytest.mark.parametrize(
    ("cls", "more"), [(cls, more) for cls, kinds in KINDS.items() for more in kinds]
)
def test_every_model_has_more_parameters_than_its_sizes_need(cls, more):
    for D, F, N, V, H in itertools.product((2, 16), (1, 40), (1, 3), (3, 50), (1, 2)):
        sizes = {"vocab_size": V, "d_model": D, "d_ff": F, "n_layers": N, "n_heads": H,
                 "max_len": 4} | more  # fmt: skip
        fewest, n = cls.Config(**sizes).fewest_parameters(), cls(**sizes).flat.values.size
        assert fewest <= n <= 6 * fewest


@pytest.mark.parametrize(
    "sizes",
    [
        {"d_model": 8000}, {"d_ff": 1 << 20}, {"vocab_size": 1 << 20}, {"max_len": 1 << 20},
        {"d_model": 1024, "max_len": 1 << 16}, {},
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("cls", KINDS)
def test_a_small_file_of_a_large_model_takes_no_memory(tmp_path, cls, sizes):
    """With {}, the sizes are the defaults, which are large too."""
    config = {"vocab_size": 10, **({"n_classes": 2} if cls is TransformerClassifier else {})}
    small = {"d_model": 8, "n_heads": 2, "d_ff": 8, "n_layers": 1}
    config |= (small if sizes else {}) | sizes
    metadata = {"format": FORMAT, "class": cls.__name__, "config": json.dumps(config)}
    path = tmp_path / "small.safetensors"
    save_arrays(path, {f"a{i}": np.ones(64, "f4") for i in range(20)}, metadata)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="small.safetensors"):
            cls.load(path)
        assert tracemalloc.get_traced_memory()[1] < (300e6 if "max_len" in sizes else 10e6)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", ["d_model", "d_ff", "n_layers"])
def test_a_run_whose_configuration_was_forged_takes_no_memory(run, name):
    """Its digest is right, because anyone can compute it."""
    values = read_json(run / "config.json")
    values["recipe"][name] = {"d_model": 8192, "d_ff": 1 << 24, "n_layers": 1000}[name]
    write_json(run / "config.json", sealed(values))
    folder = RunFolder.open(run)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"config\.json"):
            folder.load_model()
        (run / "checkpoint.safetensors").write_bytes(b"x" * 1000)
        with pytest.raises(ValueError, match="but checkpoint.safetensors has 1,000 bytes"):
            folder.new_model()
        assert tracemalloc.get_traced_memory()[1] < 10e6
    finally:
        tracemalloc.stop()
