"""The checker on layers, and the ledger: right gradients pass and wrong ones are noticed."""

import dataclasses
import json

import numpy as np
import pytest

from minitransformer import functional as F
from minitransformer import fused, gradcheck
from minitransformer.gradcheck.ledger import HEADINGS
from minitransformer.layers import Layer, LayerNorm, Linear, Parameter
from minitransformer.models import TransformerClassifier
from minitransformer.verification import Twice, scatter_parameters, subjects
from tests.support.tolerances import tolerance

KINDS = ["pair", "layer", "model"]
X = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]])


class Scale(Layer):
    """y = x * w, with the backward pass passed to the constructor."""

    def __init__(self, backward):
        self.w = Parameter(np.array([0.5, 2.0, -1.0]))
        self._backward = backward

    def forward(self, x, *, mask=None, rng=None):
        keep = 1.0 if rng is None else F.dropout_mask(rng, x.shape, 0.4, x.dtype)
        return x * self.w.value * keep, (x, keep)

    def backward(self, dy, cache):
        return self._backward(self, dy, *cache)


def _adds(self, dy, x, keep):
    self.w.grad += (dy * keep * x).sum(axis=0)
    return dy * keep * self.w.value


def _overwrites(self, dy, x, keep):
    self.w.grad[...] = (dy * keep * x).sum(axis=0)
    return dy * keep * self.w.value


def _forgets_keep(self, dy, x, keep):
    self.w.grad += (dy * x).sum(axis=0)
    return dy * keep * self.w.value


def _returns_nothing(self, dy, x, keep):
    self.w.grad += (dy * keep * x).sum(axis=0)


@pytest.mark.parametrize("seed", [None, 5])
def test_a_right_layer_passes_and_keeps_its_values(seed):
    layer = Scale(_adds)
    value, before = layer.w.value, layer.w.value.copy()
    assert gradcheck.check_layer(layer, X, dropout_seed=seed).ok
    assert layer.w.value is value
    np.testing.assert_array_equal(value, before)


@pytest.mark.parametrize(
    ("backward", "where", "fault"),
    [
        (_overwrites, "w", "overwritten"),
        (_forgets_keep, "w", "right without dropout"),
        (_returns_nothing, "x", "missing"),
    ],
)
def test_a_wrong_layer_is_caught_and_named(backward, where, fault):
    report = gradcheck.check_layer(Scale(backward), X, dropout_seed=5)
    assert [row.name for row in report.failed] == [where]
    assert fault in report.diagnosis[where]


def test_a_layer_right_only_at_gamma_one_is_named():
    class GammaOutside(LayerNorm):
        def backward(self, dy, cache):
            gamma, ones = self.gamma.value, np.ones(4)
            dx, dgamma, dbeta = F.layer_norm_backward(dy, cache.xhat, cache.rstd, ones)
            self.gamma.grad += dgamma
            self.beta.grad += dbeta
            return gamma * dx

    layer = GammaOutside(4, dtype="float64")
    x = np.random.default_rng(1).standard_normal((3, 4))
    assert gradcheck.check_layer(layer, x).ok
    layer.gamma.value[...] = [0.5, 2.0, -1.0, 1.5]
    report = gradcheck.check_layer(layer, x)
    assert "right only at gamma = 1" in report.diagnosis["x"]


def test_layers_are_checked_in_float64():
    with pytest.raises(TypeError, match="parameter W must be float64, got float32"):
        gradcheck.check_layer(Linear(3, 2), X)


def test_a_layer_used_twice_that_overwrites_loses_a_path():
    """The comparison itself notices it too, not only the second backward pass."""
    report = gradcheck.check_layer(Twice(Scale(_overwrites)), X)
    assert not report.row("layer.w").ok
    assert gradcheck.check_layer(Twice(Scale(_adds)), X).ok


@pytest.mark.parametrize("kind", KINDS)
def test_the_ledger_passes_everything(kind):
    """A few shapes here, and the pairs' edges; the command runs 200 shapes per pair."""
    few = [
        dataclasses.replace(subject, edges=subject.edges if kind == "pair" else ())
        for subject in subjects()
        if subject.kind == kind
    ]
    ledger = gradcheck.ledger(few, shapes=3, seed=4, progress=False)
    assert ledger.ok, str(ledger)
    assert [line.name for line in ledger.lines] == [subject.name for subject in few]
    name = "pair" if kind == "pair" else "network"
    for line in ledger.lines:
        assert line.shapes >= (3 if kind == "pair" else 1)
        assert line.tolerance.complex_step == tolerance(f"{name} gradients vs complex step")
        assert line.tolerance.central == tolerance(f"{name} gradients vs central differences")


def test_the_ledger_has_every_pair_and_every_kind():
    names = {kind: {s.name for s in subjects() if s.kind == kind} for kind in KINDS}
    assert names["pair"] == {*F.PAIRS, *(f"{name}, fused" for name in fused.faster_pairs())}
    assert all(names.values())
    assert sum(map(len, names.values())) == len(subjects())


@pytest.mark.parametrize("name", ["MultiHeadAttention, causal, padded", "post norm, max pooling"])
def test_edges_of_layers_and_models(name):
    """A batch of 0, a single token, a row without any token."""
    ledger = gradcheck.ledger(subjects(name), shapes=1, progress=False)
    assert ledger.ok, str(ledger)
    assert ledger.lines[0].shapes == 4


def test_the_default_number_of_shapes_is_two_hundred_per_pair():
    ledger = gradcheck.ledger(subjects("dropout")[:1], progress=False)
    assert ledger.lines[0].shapes >= 200


def test_every_edge_is_tried():
    subject = subjects("attention")[0]
    seen = []
    watched = gradcheck.Subject(
        subject.name,
        subject.kind,
        lambda rng, sizes: seen.append(sizes) or subject.trial(rng, sizes),
        subject.edges,
    )
    gradcheck.ledger([watched], shapes=2, progress=False)
    assert seen == [{}, {}, *subject.edges]


def test_every_shape_is_drawn_anew_and_the_seed_decides():
    def numbers(seed):
        drawn = []
        subject = subjects("softmax")[0]

        def trial(rng, sizes):
            drawn.append(int(rng.integers(1 << 60)))
            return subject.trial(rng, sizes)

        watched = gradcheck.Subject("watched", "pair", trial)
        gradcheck.ledger([watched], shapes=5, seed=seed, progress=False)
        return drawn

    assert len(set(numbers(0) + numbers(1))) == 10
    assert numbers(0) == numbers(0)


def test_a_wrong_pair_turns_the_ledger_red(capsys):
    pair = F.PAIRS["softmax"]._replace(backward=lambda dy, y: y * dy)
    wrong = gradcheck.pair_subject("wrong softmax", pair)
    right = gradcheck.pair_subject("right softmax", F.PAIRS["softmax"])
    ledger = gradcheck.ledger([wrong, right], shapes=20)
    assert not ledger.ok
    assert [line.ok for line in ledger.lines] == [False, True]
    printed = capsys.readouterr().out
    assert "wrong softmax" in printed
    assert "WRONG" in printed
    assert "sum term" in str(ledger)
    assert "1 of 2 right" in ledger.summary()
    plain = json.loads(json.dumps(ledger.as_dict()))
    assert plain["ok"] is False
    assert plain["lines"][0]["name"] == "wrong softmax"


def bent(fraction):
    """A correct pair with a kink at 0, where a `fraction` of its inputs are."""
    pair = F.PAIRS["relu"]

    def example(rng, **sizes):
        x = rng.uniform(0.5, 1.0, (40, 25))
        x.ravel()[: round(fraction * x.size)] = 0.0
        return {"x": x}

    return gradcheck.pair_subject("bent", pair._replace(example=example, edges=()))


def test_what_is_skipped_at_kinks_is_counted_and_too_much_of_it_fails():
    few = gradcheck.ledger([bent(0.01)], shapes=1, progress=False)
    assert few.ok
    assert (few.lines[0].skipped, few.lines[0].visited) == (10, 1000)
    assert few.lines[0].cells()[HEADINGS.index("skipped")] == "10"
    many = gradcheck.ledger([bent(0.03)], shapes=1, progress=False)
    assert not many.ok
    assert "30 of 1000 central differences were skipped" in str(many)
    assert "30 of 1000" in many.as_dict()["lines"][0]["failure"]


def test_a_direction_across_a_kink_is_counted_as_skipped():
    """The complex step sees no kink in relu; the direction through all entries crosses one."""
    pair = F.PAIRS["relu"]
    x = np.array([0.0, 1.0, -1.0, 2.0])
    report = gradcheck.check(
        pair.forward,
        pair.backward,
        {"x": x},
        saved=pair.saved,
        entries=0,
    )
    assert report.ok  # every entry is then visited, and the one at the kink is left out
    assert (report.row("x").skipped, report.row("x").visited) == (1, 4)


def test_an_empty_ledger_is_not_ok():
    assert not gradcheck.ledger([], progress=False).ok
    with pytest.raises(ValueError, match="shapes must be at least 1"):
        gradcheck.ledger(subjects("softmax"), shapes=0)


def test_the_model_returns_the_gradient_of_the_embedded_tokens():
    """With distinct ids, each row of the table's gradient is that of one token, times the scale."""
    model = TransformerClassifier(
        6, 2, max_len=6, d_model=4, n_heads=2, d_ff=3, n_layers=1, dropout=0.0, dtype="float64"
    )
    scatter_parameters(model, np.random.default_rng(0))
    ids = np.array([[3, 1, 5], [0, 2, 4]])
    logits, cache = model.forward(ids)
    dembedded = model.backward(np.random.default_rng(1).standard_normal(logits.shape), cache)
    expected = dembedded * model.embedding.scale
    np.testing.assert_array_equal(model.embedding.W.grad[ids], expected)
