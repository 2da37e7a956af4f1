"""Optimisers by name, their defaults, and the arguments that they refuse."""

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from minitransformer.training.optim import optimizers
from minitransformer.training.optim.optimizers import SGD, Adam, AdamW, Nesterov

ALL = sorted(optimizers.NAMES)


def test_defaults_are_those_of_the_papers_and_of_torch():
    defaults = {name: optimizers.get(name).config() for name in ALL}
    assert [defaults[name]["learning_rate"] for name in ALL] == [
        1e-2, 1e-3, 1e-3, 1e-2, 1e-2, 1e-2, 1e-2,
    ]  # fmt: skip
    assert (defaults["rmsprop"]["rho"], defaults["adagrad"]["eps"]) == (0.99, 1e-10)
    assert (defaults["adamw"]["weight_decay"], defaults["adam"]["eps"]) == (0.01, 1e-8)
    assert (defaults["sgd"]["momentum"], defaults["nesterov"]["momentum"]) == (0.0, 0.9)


def test_get_takes_names_classes_and_objects():
    assert type(optimizers.get("AdamW")) is AdamW
    assert type(optimizers.get(Nesterov)) is Nesterov
    adam = Adam(learning_rate=2e-4)
    assert optimizers.get(adam) is adam
    assert adam.config() == {
        "name": "adam", "learning_rate": 2e-4, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8,
    }  # fmt: skip
    adam.step(np.zeros(2), np.ones(2))
    new = adam.fresh()
    assert (new.t, new.learning_rate, new.state()) == (0, 2e-4, {"t": 0})
    assert adam.t == 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: optimizers.get("adm"), "unknown optimizer 'adm'; did you mean 'adam'"),
        (lambda: optimizers.get("zzz"), "allowed: 'adagrad', 'adam', 'adamw'"),
        (lambda: Adam(learning_rate=0), "learning_rate must be finite and > 0, got 0"),
        (lambda: Adam(learning_rate=math.nan), "learning_rate must be finite"),
        (lambda: Adam(beta1=1.0), "beta1 must be finite and >= 0 and < 1"),
        (lambda: AdamW(weight_decay=-1), "weight_decay must be finite and >= 0"),
        (lambda: SGD(nesterov=True), "momentum must be > 0 if nesterov=True, got 0.0"),
        (lambda: Adam().step(np.zeros(2), np.zeros(3)), "grads must be float64 of shape"),
        (
            lambda: Adam().step(np.zeros(2), np.zeros(2), decay=np.ones(2)),
            "decay must be boolean",
        ),
        (lambda: Adam().load_state({"t": 3, "m": np.zeros(2)}), "must have the names"),
        (lambda: Adam().load_state({"m": np.zeros(2), "v": np.zeros(2)}), "must have the names"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("value", [Decimal("0.1"), Fraction(1, 10), "0.1", None, [0.1], 10**400])
def test_what_is_not_a_number_is_refused(value):
    with pytest.raises(TypeError, match="learning_rate must be a number, got"):
        Adam(learning_rate=value)


def test_numbers_of_numpy_become_plain_ones():
    for value in (np.float32(0.5), np.float64(0.5), np.array(0.5)):
        assert type(Adam(learning_rate=value).learning_rate) is float


def test_bad_types():
    with pytest.raises(TypeError, match="optimizer must be a name"):
        optimizers.get(3)
    with pytest.raises(TypeError, match="learning_rate must be a number"):
        Adam(learning_rate="fast")
    with pytest.raises(TypeError, match="flat float32 or float64"):
        Adam().step(np.zeros((2, 2)), np.zeros((2, 2)))
    with pytest.raises(TypeError, match="flat float32 or float64 array, got float16"):
        Adam().step(np.zeros(2, "float16"), np.zeros(2, "float16"))


def test_an_optimizer_that_was_used_with_another_model():
    opt = Adam()
    opt.step(np.zeros(3), np.ones(3))
    with pytest.raises(ValueError, match="this optimiser was used with another model"):
        opt.step(np.zeros(4), np.ones(4))
