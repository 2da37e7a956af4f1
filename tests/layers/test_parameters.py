"""Setting a parameter writes into the model's arrays, or is refused by name."""

import copy
import pickle

import numpy as np
import pytest

from minitransformer import GPT, TransformerClassifier
from minitransformer.gradcheck import check_layer
from minitransformer.interpret import ablated
from minitransformer.layers import Linear, Parameter
from tests.support import strict_device

SIZES = {"max_len": 5, "d_model": 4, "n_heads": 2, "d_ff": 4, "n_layers": 2, "seed": 0}
X, Y = [[1, 2, 3], [4, 5]], [0, 1]


def classifier(**settings):
    model = TransformerClassifier(vocab_size=10, n_classes=2, **SIZES, **settings)
    model.compile(workers=1)
    return model


def views_of_the_model(model):
    return all(
        np.shares_memory(p.value, model.flat.values) and np.shares_memory(p.grad, model.flat.grads)
        for p in model.parameters().values()
    )


def test_a_value_that_is_set_is_predicted_with_saved_and_trained(tmp_path):
    model = classifier()
    new = np.arange(8.0).reshape(4, 2)
    model.head.W.value = new  # float64, and copied into the array in float32
    assert views_of_the_model(model)
    model.save(tmp_path / "m.safetensors")
    loaded = TransformerClassifier.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(loaded.head.W.value, new)
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    model.fit(X, Y, verbose=0)
    assert np.abs(model.head.W.value - new).max() > 0
    model.head.W.value += 1
    model.parameters()["head.b"].value = [1, 2]
    model.head.b.value[...] += 1
    np.testing.assert_array_equal(model.head.b.value, [2, 3])
    assert views_of_the_model(model)
    assert new.dtype == np.float64
    assert new[0, 1] == 1  # the caller's array is its own


def test_a_gradient_that_is_set_is_the_one_that_the_optimiser_sees():
    model = classifier()
    model.head.W.grad = np.ones((4, 2))
    model.head.b.grad += 2
    assert views_of_the_model(model)
    assert model.flat.grads.sum() == 12
    model.head.W.grad = None  # as in PyTorch: no gradient
    assert model.flat.grads.sum() == 4
    model.head.W.grad = np.full((4, 2), np.inf)  # overflow is the training loop's affair
    assert np.isinf(model.head.W.grad).all()


def test_the_arrays_of_a_model_are_written_into():
    model = classifier()
    model.flat.values = np.ones(model.count_params())
    model.flat.grads = np.full(model.count_params(), 2.0)
    model.flat.values += 1
    assert views_of_the_model(model)
    assert (model.head.W.value == 2).all()
    assert (model.head.W.grad == 2).all()
    with pytest.raises(ValueError, match=r"flat.values must have shape \(\d+,\), got \(1,\)"):
        model.flat.values = np.ones(1)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.ones((2, 4)), r"must have shape \(4, 2\), got \(2, 4\)"),
        (0.0, r"must have shape \(4, 2\), got \(\)"),
        (None, r"must have shape \(4, 2\), got \(\)"),
        ([[1.0, 2.0], [3.0]], r"must have shape \(4, 2\), got rows that differ"),
        (np.full((4, 2), "a"), "must be finite numbers, got <U1"),
        (np.ones((4, 2), bool), "must be finite numbers, got bool"),
        (np.ones((4, 2), complex), "must be finite numbers, got complex128"),
        (np.full((4, 2), np.nan), "must be finite numbers, got NaN"),
        (np.full((4, 2), 1e300), "must be finite numbers, got NaN or a number that is too large"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_by_name(array, message):
    model = classifier()
    before = model.flat.values.copy()
    with pytest.raises(ValueError, match="^the value of 'head.W' " + message):
        model.head.W.value = array
    np.testing.assert_array_equal(model.flat.values, before)
    with pytest.raises(ValueError, match="^the gradient of 'head.b' must have shape"):
        model.head.b.grad = np.ones(3)


def test_a_layer_without_a_model_copies_too():
    layer = Linear(2, 2)
    array = layer.W.value
    layer.W.value = np.eye(2)
    assert layer.W.value is array
    with pytest.raises(ValueError, match=r"^the value must have shape \(2, 2\), got \(3,\)"):
        layer.W.value = np.ones(3)
    with pytest.raises(TypeError, match=r"^W must be a Parameter.*W.value = array"):
        layer.W = np.eye(2)
    with pytest.raises(TypeError, match="^value must be a NumPy or CuPy array, got list"):
        Parameter([1.0])


def test_copies_and_tied_weights_stay_whole():
    model = GPT(vocab_size=6, tied=True, **SIZES)
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):  # noqa: S301
        twin.embedding.W.value = np.ones((6, 4))
        assert views_of_the_model(twin)
        assert (twin.head.W.value == 1).all()
    assert views_of_the_model(model)
    assert not (model.embedding.W.value == 1).all()


def test_a_value_on_a_device_takes_arrays_of_the_host():
    with strict_device.installed() as cupy:
        model = classifier().to("cupy")
        model.head.W.value = np.ones((4, 2))
        model.head.b.value = cupy.asarray([1.0, 2.0])
        assert (model.head.get_weights()[0] == 1).all()
        model.to("numpy")
    assert views_of_the_model(model)


def reverse(model):
    model.blocks = model.blocks[::-1]


def another_head(model):
    model.head = Linear(4, 2)


def another_parameter(model):
    model.head.W = Parameter(np.ones((4, 2), np.float32))


def one_more(model):
    model._extra = Linear(4, 2)


def one_fewer(model):
    model.blocks.pop()


@pytest.mark.parametrize("change", [reverse, another_head, another_parameter, one_more, one_fewer])
def test_a_model_whose_parameters_were_replaced_is_refused(change, tmp_path):
    model = classifier()
    change(model)
    for use in (
        lambda: model.fit(X, Y, verbose=0),
        lambda: model.train_on_batch(X, Y),
        lambda: model.evaluate(X, Y),
        lambda: model.predict(X),
        lambda: model.save(tmp_path / "m.safetensors"),
    ):
        with pytest.raises(ValueError, match="the parameter '.*' must be the one that the model"):
            use()
    assert not list(tmp_path.iterdir())


def test_layers_that_share_parameters_may_be_replaced():
    ablated(classifier(), "blocks.0.attention", 1).predict(X)


def test_the_gradient_checker_restores_the_arrays():
    model = classifier(dtype="float64")
    before = model.flat.values.copy()
    assert check_layer(model.head, np.ones((2, 4))).ok
    assert views_of_the_model(model)
    np.testing.assert_array_equal(model.flat.values, before)
