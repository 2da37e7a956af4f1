"""One step: exact gradients from micro-batches, random numbers, and dtypes."""

import numpy as np
import pytest

from minitransformer.functional import cross_entropy, cross_entropy_backward
from minitransformer.models import TransformerClassifier
from minitransformer.training import (
    SGD,
    Adam,
    CategoricalCrossentropy,
    MeanSquaredError,
)
from minitransformer.training.parallel.workers import WorkerPool
from minitransformer.training.step import train_step
from tests.support.reference import stored
from tests.support.tolerances import tolerance
from tests.support.toys import fitted, padded, toy_data, toy_model


def test_training_on_a_batch_lowers_its_loss():
    x, y = toy_data(16)
    model = toy_model(dropout=0.0)
    model.compile(Adam(0.01))
    losses = [model.train_on_batch(x, y)[0] for _ in range(10)]
    assert all(b < a for a, b in zip(losses, losses[1:], strict=False))


@pytest.mark.parametrize(
    "loss",
    [
        CategoricalCrossentropy(),
        CategoricalCrossentropy(label_smoothing=0.1, class_weights=[0.3, 2.0]),
    ],
)
def test_micro_batches_add_up_to_the_batch(loss):
    """Gradient and loss of a step equal those of one padded batch, computed here by hand."""
    x, y = toy_data(24)
    model = toy_model(dropout=0.0)
    model.compile(SGD(0.5), loss=loss, micro_batch_tokens=17, workers=1)
    ids = padded(x)
    logits, cache = model.forward(ids, mask=ids != 0)
    value, saved = cross_entropy(
        logits, y, label_smoothing=loss.label_smoothing, class_weights=loss.class_weights
    )
    model.backward(cross_entropy_backward(1.0, saved), cache)
    expected = model.flat.grads.copy()

    result = model.train_on_batch(x, y, return_dict=True)
    assert abs(result["loss"] - value) <= tolerance("micro-batches vs batch") * abs(value)
    error = np.abs(model.flat.grads - expected).max() / np.abs(expected).max()
    assert error <= tolerance("micro-batches vs batch")
    assert result["accuracy"] == (logits.argmax(1) == y).mean()


@pytest.mark.parametrize("workers", [1, 2])
def test_100_losses_of_train_on_batch_are_those_of_pytorch(workers):
    """Micro-batches, workers, loss and optimiser together, compared with stored Adam losses."""
    arrays, options = stored.cases("classifier")["run-pre"]
    settings = {name: value for name, value in options.items() if name != "learning_rate"}
    model = TransformerClassifier(**settings, dtype="float64")
    for name, value in stored.group(arrays, "value").items():
        model.parameters()[name].value[...] = value
    model.compile(Adam(options["learning_rate"]), workers=workers, micro_batch_tokens=40)
    x, y, mask = arrays["ids"], arrays["labels"], arrays["mask"]
    losses = [
        model.train_on_batch(x[t % len(x)], y[t % len(x)], mask=mask[t % len(x)])[0]
        for t in range(100)
    ]
    error = np.abs(np.array(losses) / arrays["losses"] - 1)
    assert error.max() <= tolerance("100 Adam steps vs PyTorch")


def test_targets_that_do_not_count():
    """The parts of micro-batches add up if some targets, or all, are ignored."""
    rng = np.random.default_rng(0)
    logits, targets = rng.standard_normal((6, 3)), np.array([0, -1, 2, -1, 1, 1])
    loss = CategoricalCrossentropy(class_weights=[1.0, 2.0, 4.0], ignore_index=-1)
    total = loss.normaliser(targets)
    assert total == 1.0 + 4.0 + 2.0 + 2.0
    whole, saved = cross_entropy(logits, targets, class_weights=loss.class_weights, ignore_index=-1)
    parts = [loss.forward(logits[i : i + 2], targets[i : i + 2], total) for i in (0, 2, 4)]
    assert sum(value for value, _ in parts) == pytest.approx(float(whole), rel=1e-14)
    gradient = np.concatenate([loss.backward(saved) for _, saved in parts])
    np.testing.assert_allclose(gradient, cross_entropy_backward(1.0, saved), atol=1e-15)
    nothing = np.full(6, -1)
    value, saved = loss.forward(logits, nothing, loss.normaliser(nothing))
    assert value == 0.0
    np.testing.assert_array_equal(loss.backward(saved), 0.0)


def test_smoothing_needs_a_positive_weight_for_every_class():
    """A micro-batch of weight 0 would lose its smoothing term."""
    with pytest.raises(ValueError, match="class_weights must be > 0 with label_smoothing"):
        CategoricalCrossentropy(0.1, class_weights=[0.0, 1.0])


def test_squared_error_gradient_by_central_differences():
    rng = np.random.default_rng(0)
    logits, y, loss = rng.standard_normal((5, 3)), np.array([0, 2, 1, 1, 0]), MeanSquaredError()
    value, saved = loss.forward(logits, y, 20.0)
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    assert value == pytest.approx(((p - np.eye(3)[y]) ** 2).mean() * 5 / 20, rel=1e-14)
    analytic, numeric = loss.backward(saved), np.empty((5, 3))
    for place in np.ndindex(5, 3):
        up, down = logits.copy(), logits.copy()
        up[place] += 1e-6
        down[place] -= 1e-6
        numeric[place] = (loss.forward(up, y, 20.0)[0] - loss.forward(down, y, 20.0)[0]) / 2e-6
    np.testing.assert_allclose(analytic, numeric, atol=1e-11)


def test_penalty_reaches_matrices_only_and_is_reported():
    x, y = toy_data(12)
    plain, penalised = toy_model(dropout=0.0), toy_model(dropout=0.0)
    start = plain.flat.values.copy()
    plain.compile(SGD(1.0), micro_batch_tokens=30)
    penalised.compile(SGD(1.0), l1=0.01, l2=0.1, micro_batch_tokens=30)
    plain.train_on_batch(x, y)
    logs = penalised.train_on_batch(x, y, return_dict=True)
    extra = plain.flat.values - penalised.flat.values
    total = 0.0
    for name, parameter in plain.parameters().items():
        part = plain.flat.slices[name]
        w = start[part]
        expected = 0.2 * w + 0.01 * np.sign(w) if len(parameter.shape) > 1 else 0 * w
        np.testing.assert_allclose(extra[part], expected, atol=1e-14, err_msg=name)
        if len(parameter.shape) > 1:
            total += 0.1 * (w @ w) + 0.01 * np.abs(w).sum()
    assert logs["penalty"] == pytest.approx(total, rel=1e-12)


def test_clipping_limits_the_step():
    x, y = toy_data(12)
    model = toy_model()
    model.compile(SGD(1.0), clip=0.01)
    start = model.flat.values.copy()
    model.train_on_batch(x, y)
    assert np.linalg.norm(model.flat.values - start) == pytest.approx(0.01, rel=1e-10)


def test_randomness_comes_from_seed_step_and_micro_batch(monkeypatch):
    """Micro-batch i of step t draws from default_rng([seed, t, i]), and from nothing else."""
    x, y = toy_data(12)
    model = toy_model(seed=7)
    model.compile(SGD(0.1), micro_batch_tokens=30, workers=1)
    seen = []

    def spy(self, batch, rng):
        seen.append(rng.bit_generator.state["state"])
        return original(self, batch, rng)

    original = type(model).run
    monkeypatch.setattr(type(model), "run", spy)
    model.train_on_batch(x, y)
    per_step = len(seen)
    model.train_on_batch(x, y)
    assert per_step >= 2
    expected = [
        np.random.default_rng([7, t, i]).bit_generator.state["state"]
        for t in (1, 2)
        for i in range(per_step)
    ]
    assert seen == expected


def test_word_dropout_hides_tokens_in_training_only(monkeypatch):
    x, y = toy_data(12)
    model = toy_model()
    seen = []

    def spy(self, batch, rng):
        seen.append(batch)
        return original(self, batch, rng)

    original = type(model).run
    monkeypatch.setattr(type(model), "run", spy)
    model.compile(SGD(0.1), word_dropout=0.5, workers=1)
    model.train_on_batch(x, y)
    hidden = np.concatenate([b.ids[b.mask] if b.mask is not None else b.ids.ravel() for b in seen])
    assert 0.2 < (hidden == 1).mean() < 0.8
    assert all((b.ids[~b.mask] == 0).all() for b in seen if b.mask is not None)
    seen.clear()
    model.evaluate(x, y)
    model.predict(x)
    assert all((b.ids != 1).all() for b in seen)


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adagrad", "rmsprop", "adam", "adamw"])
def test_float32_stays_float32_through_fifty_steps(optimizer):
    model = toy_model(dtype="float32")
    fitted(
        model=model,
        epochs=10,
        optimizer=optimizer,
        schedule=lambda step: np.float64(0.5),
        clip=np.float64(0.5),
        l1=1e-6,
        l2=1e-6,
        average=0.9,
        word_dropout=0.1,
        fit={"class_weight": {0: 0.5}},
    )
    recipe = model.recipe
    assert recipe.optimizer.t == 50
    arrays = [model.flat.values, model.flat.grads, recipe.averages.values]
    arrays += [a for name, a in recipe.optimizer.state().items() if name != "t"]
    assert {a.dtype for a in arrays} == {np.dtype("float32")}
    assert model.predict(toy_data(4)[0]).dtype == np.float32


def test_a_step_by_hand_gives_what_train_on_batch_gives():
    """A call of train_step gives the same bytes as train_on_batch."""
    x, y = toy_data(12)
    one, two = toy_model(), toy_model()
    one.compile(Adam(0.01))
    two.compile(Adam(0.01))
    for _ in range(3):
        one.train_on_batch(x, y)
    examples = two.read_examples(x, y, None, two.recipe.loss)
    with WorkerPool(two, None) as pool:
        for _ in range(3):
            train_step(two, two.recipe, pool, examples, np.arange(12))
    assert one.flat.values.tobytes() == two.flat.values.tobytes()
