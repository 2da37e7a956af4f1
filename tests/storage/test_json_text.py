"""JSON from files that nobody vouches for."""

import json

import numpy as np
import pytest

from minitransformer.storage import load_arrays, strict_json


def test_a_repeated_key_is_found_without_comparing_all_pairs():
    """A comparison of all pairs would take hours."""
    keys = [f'"k{i}": 0' for i in range(300_000)]
    assert len(strict_json("{" + ",".join(keys) + "}")) == 300_000
    with pytest.raises(ValueError, match="the key 'k299999' occurs twice"):
        strict_json("{" + ",".join([*keys, '"k299999": 1']) + "}")


def test_a_header_full_of_repeated_keys_is_refused(tmp_path):
    header = b"{" + b",".join(b'"%d":0' % i for i in range(90_000)) + b',"89999":0}'
    path = tmp_path / "a.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    assert len(header) < 1 << 20
    with pytest.raises(ValueError, match="occurs twice"):
        load_arrays(path)


@pytest.mark.parametrize("n", [10, 1000])
def test_a_value_is_that_of_the_standard_library(n):
    rng = np.random.default_rng(n)
    value = {str(i): rng.integers(0, 9, 3).tolist() for i in range(n)}
    assert strict_json(json.dumps(value)) == value
