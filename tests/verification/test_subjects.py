"""What the ledger checks: everything the package offers, found by name."""

import re

import pytest

from minitransformer import layers
from minitransformer.layers import Layer
from minitransformer.models.config_base import CHOICES
from minitransformer.verification import subjects


def test_subjects_by_name():
    assert {s.name for s in subjects("PRE NORM")} == {
        s.name for s in subjects() if "pre norm" in s.name
    }
    with pytest.raises(ValueError, match="near names: softmax"):
        subjects("sotfmax")


def test_subjects_cover_what_the_package_offers():
    """Every new pair, layer, norm, pooling or activation must be added to the ledger."""
    names = [subject.name for subject in subjects()]
    words = {word for name in names for word in re.split(r"[ ,]+", name)}
    norms = {name.split(", ")[1] for name in names if name.startswith("EncoderBlock, ")}
    offered = [
        name
        for name, value in vars(layers).items()
        if isinstance(value, type) and issubclass(value, Layer) and value is not Layer
    ]
    assert len(offered) >= 8
    assert set(offered) <= words
    for kinds, of in ((layers.ACTIVATIONS, "FeedForward"), (layers.POSITIONS, "Positional")):
        shown = {name.split(", ")[1] for name in names if name.startswith(of) and ", " in name}
        assert set(kinds) == shown
    assert set(layers.NORMS) <= norms
    assert {"DecoderBlock, pre", "DecoderBlock, post"} <= set(names)
    assert {"MultiHeadAttention, tiled", "classifier, tiled attention, dropout"} <= set(names)
    pooled = {name.split()[-2] for name in names if name.endswith(" pooling")}
    assert set(CHOICES["pooling"]) == pooled
