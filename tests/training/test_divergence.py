"""Numbers that become NaN or infinite: training stops, says where, and keeps the weights."""

import numpy as np
import pytest

from minitransformer.layers import Parameter
from minitransformer.training import SGD, Adam, CategoricalCrossentropy, History, TrainingDiverged
from minitransformer.training.parallel.workers import WorkerPool
from tests.support.toys import fitted, toy_data, toy_model


def test_divergence_names_step_and_parameter(tmp_path):
    x, y = toy_data()
    model = toy_model()
    model.compile(SGD(0.1), clip=1.0, average=0.9)
    model.fit(x, y, verbose=0)
    before, t = model.flat.values.copy(), model.recipe.optimizer.t
    averages = model.recipe.averages.values.copy()
    original = type(model).backward

    def broken(self, dlogits, cache):
        result = original(self, dlogits, cache)
        self.parameters()["blocks.0.attention.W_qkv"].grad[0, 0] = np.inf
        self.parameters()["embedding.W"].grad[2, 2] = np.nan
        return result

    type(model).backward = broken
    try:
        with pytest.raises(TrainingDiverged) as caught:
            model.fit(x, y, verbose=0)
    finally:
        type(model).backward = original
    error = caught.value
    assert (error.step, error.parameter) == (t + 1, "blocks.0.attention.W_qkv")
    assert str(error).startswith(f"training diverged at step {t + 1}: the loss is finite; 'blocks")
    assert "'blocks.0.attention.W_qkv' was the first parameter with a non-finite" in str(error)
    assert "learning rate" in str(error)
    assert isinstance(error.history, History)
    np.testing.assert_array_equal(model.flat.values, before)
    np.testing.assert_array_equal(model.recipe.averages.values, averages)
    assert model.recipe.optimizer.t == t


def test_a_learning_rate_far_too_high_is_stopped_without_warnings():
    model = toy_model(dtype="float32")
    with pytest.raises(TrainingDiverged, match="diverged at step"):
        fitted(model=model, epochs=50, optimizer=SGD(1e30))
    assert np.isfinite(model.flat.values).all()


@pytest.mark.parametrize("optimizer", [SGD(3e38), Adam(3e38)])
def test_an_update_that_overflows_is_taken_back(optimizer):
    """The loss and the gradients of the first step are finite; only the update is not."""
    x, y = toy_data(12)
    model = toy_model(dtype="float32")
    model.compile(optimizer, average=0.9)
    model.flat.values *= 10
    start = model.flat.values.copy()
    with pytest.raises(TrainingDiverged, match="at step 1: .* the update of '.*' overflowed") as e:
        model.train_on_batch(x, y)
    assert e.value.parameter in model.parameters()
    assert model.flat.values.tobytes() == start.tobytes()
    assert model.recipe.averages.values is None


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_parameters_are_defined_in_the_order_of_the_forward_pass(norm, monkeypatch):
    """The first non-finite gradient is found by going through the parameters backwards."""
    model = toy_model(norm=norm, n_layers=2, positions="learned")
    name_of = {id(p): name.rpartition(".")[0] for name, p in model.parameters().items()}
    own, touched = Parameter.grad, []
    ids = np.array([[5, 6, 7]])
    logits, cache = model.forward(ids)
    spy = property(lambda self: touched.append(name_of[id(self)]) or own.fget(self), own.fset)
    model.flat.zero_grad()
    assert model.flat.grads is not None
    monkeypatch.setattr(Parameter, "grad", spy)
    model.backward(np.ones_like(logits), cache)
    defined = [name.rpartition(".")[0] for name in reversed(model.flat.slices)]
    assert list(dict.fromkeys(touched)) == list(dict.fromkeys(defined))


def test_weights_that_were_broken_before():
    model = toy_model()
    model.parameters()["head.b"].value[0] = np.nan
    with pytest.raises(TrainingDiverged, match="weights of 'head.b' were not finite before"):
        fitted(model=model)


def test_a_loss_that_is_not_finite_while_every_gradient_is():
    class Broken(CategoricalCrossentropy):
        def forward(self, *args):
            return np.inf, super().forward(*args)[1]

    with pytest.raises(TrainingDiverged, match="the loss is inf; every gradient is finite"):
        fitted(loss=Broken())


def test_infinities_that_cancel_between_workers_cause_no_warning():
    """inf - inf in the sum of two workers' gradients is reported like any other divergence."""
    model = toy_model()

    def task(replica, job):
        replica.parameters()["head.b"].grad += job
        replica.parameters()["head.W"].grad += 1.5e308

    with WorkerPool(model, 2) as pool:
        pool.add_gradients(task, [np.inf, -np.inf], [1.0, 1.0])
    assert np.isnan(model.parameters()["head.b"].grad).all()
    assert np.isinf(model.parameters()["head.W"].grad).all()
