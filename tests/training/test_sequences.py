"""Training of generative models: exact parts, any workers, runs counted in steps, resuming."""

import numpy as np
import pytest

from minitransformer.functional import cross_entropy, cross_entropy_backward, softmax
from minitransformer.models import GPT, Transformer
from minitransformer.training import (
    SGD,
    Adam,
    AdamW,
    Callback,
    CategoricalCrossentropy,
    Perplexity,
    TokenCrossentropy,
    WarmupCosine,
)
from minitransformer.training.objective.losses import get
from minitransformer.training.optim.schedules import Schedule
from minitransformer.training.parallel.workers import WorkerPool
from minitransformer.training.step import train_step
from tests.support import strict_device
from tests.support.on_device import same
from tests.support.strict_device import counters
from tests.support.tolerances import tolerance
from tests.support.toys import END, START, VOCAB, ToyTranslator, ToyWriter, toy_pairs, toy_text

TEXT, PAIRS = toy_text(), toy_pairs()
IDS = {"start_id": START, "end_id": END}
SMALL = {"d_model": 8, "n_heads": 2, "d_ff": 16, "n_layers": 1, "dropout": 0.1, "dtype": "float64"}


def gpt(**config):
    return GPT(vocab_size=VOCAB, max_len=8, **{**SMALL, **config})


def transformer(**config):
    return Transformer(vocab_size=VOCAB, max_len=8, **{**SMALL, **config})


# For each kind, the class of the model, its data, and the arguments of compile.
CASES = {
    "text": (ToyWriter, TEXT, {}),
    "lines": (ToyWriter, [TEXT[i : i + 2 + i % 7] for i in range(60)], {}),
    "pairs": (ToyTranslator, PAIRS, IDS),
    "GPT": (gpt, TEXT, {}),
    "Transformer": (transformer, PAIRS, IDS),
}
KINDS = pytest.mark.parametrize("kind", CASES)


def prepared(kind, recipe=None, **config):
    make, data, more = CASES[kind]
    model = make(**config)
    model.compile(**{"optimizer": Adam(0.01), "micro_batch_tokens": 40, **more, **(recipe or {})})
    return model, data


def twenty_losses(kind, workers):
    model, data = prepared(kind, {"workers": workers, "clip": 1.0, "optimizer": AdamW(0.01)})
    examples, losses = model.read_examples(data, None, None, model.recipe.loss), []
    with WorkerPool(model, workers) as pool:
        for step in range(20):
            rows = np.arange(step % 4, len(examples), 4)
            losses.append(train_step(model, model.recipe, pool, examples, rows)[0])
    return np.array(losses)


@KINDS
def test_any_number_of_workers_gives_the_same_losses(kind):
    one = twenty_losses(kind, 1)
    for workers in (2, 3, 5):
        error = np.abs(twenty_losses(kind, workers) / one - 1).max()
        assert error <= tolerance("20 losses of generative models, any number of workers")
    assert one[-3:].mean() < one[:3].mean()


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("kind", ["lines", "pairs", "Transformer"])
def test_micro_batches_add_up_to_the_mean_over_all_target_tokens(kind, smoothing):
    """Loss and gradient of a step equal those of one padded batch, computed here by hand."""
    recipe = {"loss": CategoricalCrossentropy(smoothing), "optimizer": SGD(0.5), "workers": 2}
    model, data = prepared(kind, recipe, dropout=0.0)
    examples = model.read_examples(data, None, None, model.recipe.loss)
    batch = examples.batch(np.arange(len(examples)))
    logits, cache = model.run(batch, None)
    rows = batch.targets != -1
    value, saved = cross_entropy(logits[rows], batch.targets[rows], label_smoothing=smoothing)
    dlogits = np.zeros_like(logits)
    dlogits[rows] = cross_entropy_backward(1.0, saved)
    model.backward(dlogits, cache)
    expected = model.flat.grads.copy()
    result = model.train_on_batch(data, return_dict=True)
    assert abs(result["loss"] / value - 1) <= tolerance("micro-batches vs batch")
    error = np.abs(model.flat.grads - expected).max() / np.abs(expected).max()
    assert error <= tolerance("micro-batches vs batch")
    assert result["accuracy"] == (logits.argmax(-1) == batch.targets)[rows].mean()


def test_targets_that_are_padding_have_no_gradient():
    loss, targets = TokenCrossentropy(0.1), np.array([[3, -1], [-1, -1]])
    value, saved = loss.forward(np.random.default_rng(0).standard_normal((2, 2, 5)), targets, 1.0)
    gradient = loss.backward(saved)
    assert np.abs(gradient[0, 0]).max() > 0
    assert (gradient.reshape(4, 5)[1:] == 0).all()
    assert value > 0
    assert loss.normaliser(targets) == 1


@KINDS
def test_evaluate_against_its_definition(kind):
    model, data = prepared(kind, {"loss": TokenCrossentropy(0.2)})
    examples = model.read_examples(data, None, None, model.recipe.loss)
    batch = examples.batch(np.arange(len(examples)))
    p, rows = softmax(model.run(batch, None)[0]), batch.targets != -1
    right = p[rows][np.arange(rows.sum()), batch.targets[rows]]
    result = model.evaluate(data, return_dict=True)
    smoothed = -(0.8 * np.log(right) + 0.2 * np.log(p[rows]).mean(-1)).mean()
    assert list(result) == ["loss", "accuracy", "perplexity"]
    assert result["loss"] == pytest.approx(smoothed, rel=1e-12)
    assert result["perplexity"] == pytest.approx(np.exp(-np.log(right).mean()), rel=1e-12)
    assert result["accuracy"] == (p.argmax(-1) == batch.targets)[rows].mean()
    x, y = (data, None) if len(data) != 2 else data
    assert model.evaluate(x, y, return_dict=True) == result


def test_perplexity_of_any_loss_and_without_bounds():
    logits, targets = np.log([[0.5, 0.25, 0.25], [0.1, 0.8, 0.1]]), np.array([1, 1])
    total, count = Perplexity().measure(logits, targets)
    assert (total, count) == (pytest.approx(-np.log(0.25) - np.log(0.8)), 2)
    assert Perplexity().measure(logits, np.array([1, -1]), -1)[1] == 1
    mse = get("mse")
    _, saved = mse.forward(logits, targets, 2.0)
    assert Perplexity().measure_with(mse, logits, targets, saved) == (total, count)
    assert Perplexity().finish(np.log(7)) == pytest.approx(7)
    assert Perplexity().finish(1e5) == np.inf
    impossible = TokenCrossentropy()
    certain = np.array([[0.0, 5000.0]])
    _, saved = impossible.forward(certain, np.array([0]), 1.0)
    assert Perplexity().measure_with(impossible, certain, np.array([0]), saved)[0] == 5000
    assert np.isnan(Perplexity().finish(np.nan))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("gap", [0.0, 10.3, 20.0, 90.0, 700.0])
def test_perplexity_without_underflow_in_every_dtype(dtype, gap):
    """Two logits: -log p of the other class is log(1 + e^gap)."""
    logits, loss = np.array([[gap, 0.0], [0.0, gap]], dtype), TokenCrossentropy()
    targets, gap = np.array([1, 0]), float(logits[0, 0])
    _, saved = loss.forward(logits, targets, 2.0)
    total, count = Perplexity().measure_with(loss, logits, targets, saved)
    assert count == 2
    assert total / 2 == pytest.approx(gap + np.log1p(np.exp(-gap)), rel=1e-6)


def test_it_learns_what_comes_next():
    model = ToyWriter(d_model=16, dropout=0.0)
    model.compile(AdamW(0.01), schedule=WarmupCosine(10, floor=0.1), clip=1.0)
    text = toy_text(3000)
    history = model.fit(text[:2700], steps=300, batch_size=12, validation_data=text[2700:],
                        verbose=0)  # fmt: skip
    # 3 with probability 0.2, else the next: 0.5 nats
    assert history.history["val_loss"][-1] < 0.6
    assert history.history["val_accuracy"][-1] > 0.75
    assert history.epoch == list(range(1, 11))
    assert history.history["learning_rate"][-1] == pytest.approx(0.001)


def test_it_learns_to_translate():
    model = ToyTranslator(d_model=24, dropout=0.0)
    model.compile(AdamW(0.02), schedule="warmup_cosine", **IDS)
    history = model.fit(*toy_pairs(600), epochs=12, batch_size=32, verbose=0,
                        validation_data=toy_pairs(100, 1))  # fmt: skip
    assert history.history["val_loss"][-1] < 0.5 * history.history["val_loss"][0]


class Steps(Callback):
    """Writes a checkpoint after each step, if a folder is given."""

    last = True

    def __init__(self, folder=None):
        self.folder = folder

    def on_train_batch_end(self, batch, logs):
        if self.folder is not None:
            self.run.save(self.folder / f"{self.run.step}.safetensors")


COUNTED = {"steps": 11, "steps_per_epoch": 4, "batch_size": 6, "verbose": 0}


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("kind", ["text", "pairs"])
def test_a_counted_run_stopped_at_each_step_ends_in_the_same_bits(kind, workers, tmp_path):
    recipe = {"schedule": "warmup_cosine", "average": 0.9, "workers": workers, "clip": 1.0,
              "optimizer": AdamW(0.01)}  # fmt: skip

    def run(callbacks=(), resume=None):
        model, data = prepared(kind, recipe)
        held = {"validation_split": 0.2} if kind == "text" else {"validation_data": toy_pairs(9, 1)}
        history = model.fit(data, callbacks=callbacks, resume=resume, **COUNTED, **held)
        rows = {k: v for k, v in history.history.items() if k != "seconds"}
        state = [a for k, a in sorted(model.recipe.optimizer.state().items()) if k != "t"]
        return [a.tobytes() for a in (model.flat.values, *state)], rows

    end, rows = run(Steps(tmp_path))
    assert len(rows["val_perplexity"]) == 3
    for step in range(1, 12):
        assert run(resume=tmp_path / f"{step}.safetensors") == (end, rows)


def test_a_checkpoint_of_another_count_is_refused(tmp_path):
    model, data = prepared("text")
    model.fit(data, callbacks=Steps(tmp_path), **COUNTED)
    for change in ({"steps_per_epoch": 5}, {"steps": None, "steps_per_epoch": None, "epochs": 2}):
        model, data = prepared("text")
        with pytest.raises(ValueError, match="fit steps_per_epoch: 4 there, (5|None) here"):
            model.fit(data, resume=tmp_path / "3.safetensors", **{**COUNTED, **change})


def rows_of(model, data, **changes):
    """The rows of each step of a run counted in steps."""
    seen, train = [], model.recipe.optimizer
    run = type(model).fit

    class Spy(Callback):
        def on_train_begin(self):
            seen.extend(b for e in range(self.run.plan.epochs) for b in self.run.plan.batches(e))

    run(model, data, callbacks=Spy(), **{**COUNTED, **changes})
    assert train is model.recipe.optimizer
    return seen


def test_windows_are_drawn_from_the_seed_and_the_step_alone():
    model, data = prepared("text")
    once = rows_of(model, data)
    assert [len(rows) for rows in once] == [6] * 11
    assert len({tuple(rows) for rows in once}) == 11
    more = rows_of(prepared("text")[0], data, steps=20, steps_per_epoch=7)
    assert all((a == b).all() for a, b in zip(once, more, strict=False))
    other = rows_of(prepared("text", seed=1)[0], data)
    assert not any((a == b).all() for a, b in zip(once, other, strict=True))
    assert max(rows.max() for rows in more) > 100, "they begin anywhere in the text"


@pytest.mark.parametrize(("kind", "shuffle"), [("pairs", True), ("text", False)])
def test_other_examples_come_in_passes_each_once_in_each(kind, shuffle):
    model, data = prepared(kind)
    n = len(model.read_examples(data, None, None, model.recipe.loss))
    per_pass = -(-n // 6)
    rows = rows_of(model, data, steps=2 * per_pass, shuffle=shuffle)
    for one in (rows[:per_pass], rows[per_pass:]):
        np.testing.assert_array_equal(np.sort(np.concatenate(one)), np.arange(n))
    assert shuffle == any((a != b).any() for a, b in zip(rows, rows[per_pass:], strict=False)
                          if len(a) == len(b))  # fmt: skip


def test_a_schedule_counts_the_steps_of_a_counted_run():
    class Recording(Schedule):
        def start(self, total_steps):
            calls.append(total_steps)
            return lambda step: calls.append(step) or 1.0 / step

    calls = []
    model, data = prepared("text", {"schedule": Recording(), "optimizer": SGD(1.0)})
    history = model.fit(data, **COUNTED)
    assert calls[0] == 11
    assert sorted(set(calls[1:])) == list(range(1, 12))
    assert history.history["learning_rate"] == [1 / 4, 1 / 8, 1 / 11]


def test_a_counted_run_has_ten_rows_by_default():
    for steps, rows in ((20, 10), (25, 9), (3, 3)):
        model, data = prepared("text")
        history = model.fit(data, steps=steps, batch_size=2, verbose=0)
        assert len(history) == rows
        assert model.recipe.optimizer.t == steps


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"steps": 5, "epochs": 2}, "give epochs or steps, not both"),
        ({"steps": 0}, "steps must be >= 1, got 0"),
        ({"steps": 5, "steps_per_epoch": 0}, "steps_per_epoch must be >= 1"),
        ({"class_weight": [1.0] * VOCAB}, "class_weight must be None for models of sequences"),
        ({"sample_weight": [1.0]}, "sample_weight must be None for models of sequences"),
        ({"y": [3]}, "takes ids alone"),
        ({"mask": [[True]]}, "takes ids alone"),
    ],
)
def test_bad_arguments_of_fit(arguments, message):
    model, data = prepared("text")
    with pytest.raises(ValueError, match=message):
        model.fit(data, verbose=0, **arguments)
    assert model.recipe.optimizer.t == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"loss": "mse"}, "loss must be a cross-entropy without class weights"),
        ({"loss": CategoricalCrossentropy(class_weights=[1.0] * VOCAB)}, "without class weights"),
        ({"word_dropout": 0.1}, "word_dropout is only for classifiers"),
        ({"micro_batch_tokens": 0}, "micro_batch_tokens must be >= 1"),
    ],
)
def test_bad_arguments_of_compile(arguments, message):
    with pytest.raises(ValueError, match=message):
        ToyWriter().compile(**arguments)
    with pytest.raises(ValueError, match=message):
        ToyTranslator(target_vocab_size=VOCAB).compile(**IDS, **arguments)


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (
            {},
            "start_id must be an id of the target vocabulary, 0..22, got None: call model",
        ),
        ({"start_id": 1}, "end_id must be an id of the target vocabulary"),
        ({"start_id": 23, "end_id": 2}, "start_id must be .* got 23"),
    ],
)
def test_the_ids_that_begin_and_end_a_target_must_be_given(ids, message):
    model = ToyTranslator()
    with pytest.raises(ValueError, match=message):
        model.compile(**ids)
    with pytest.raises(RuntimeError, match="compile"):
        model.predict(PAIRS)


def test_predictions_are_of_the_token_that_comes_next():
    for kind in ("lines", "GPT"):
        model, _ = prepared(kind)
        prompts = [[3, 4, 5], [6], [7, 8, 9, 3, 4, 5, 6, 7]]
        p = model.predict(prompts)
        assert p.shape == (3, VOCAB)
        for row, prompt in zip(p, prompts, strict=True):
            logits = model.forward(np.array([prompt]))[0]
            np.testing.assert_allclose(row, softmax(logits)[0, -1], rtol=1e-12)
        np.testing.assert_array_equal(model.predict(prompts[0]), model.predict([prompts[0]]))
    model, (sources, targets) = prepared("pairs")
    p = model.predict((sources, targets))
    for i in (0, 3, 17):
        beginning = np.array([[START, *targets[i]]])
        logits = model.forward(sources[i][None], beginning)[0]
        np.testing.assert_allclose(p[i], softmax(logits)[0, -1], rtol=1e-12)


@pytest.mark.parametrize("kind", ["text", "pairs", "GPT", "Transformer"])
def test_a_model_is_saved_and_loaded(kind, tmp_path):
    model, data = prepared(kind)
    model.fit(data, steps=2, verbose=0)
    model.save(tmp_path / "model.safetensors")
    loaded = type(model).load(tmp_path / "model.safetensors")
    loaded.compile(**CASES[kind][2])
    model.compile(**CASES[kind][2])
    assert loaded.evaluate(data) == model.evaluate(data)


@pytest.mark.parametrize("kind", CASES)
def test_the_device_gives_the_same_bits_and_hardly_waits(kind):
    def trained(device):
        recipe = {"workers": 1, "clip": 1.0, "average": 0.9, "optimizer": AdamW(0.01)}
        recipe["micro_batch_tokens"] = 64  # a given number is used on every device
        model, data = prepared(kind, recipe, ops="plain")
        model.to(device)
        model.read_every = 4
        counters.reset()
        history = model.fit(data, steps=8, steps_per_epoch=8, batch_size=6, verbose=0)
        return model, history.history, counters.waits

    with strict_device.installed():
        (here, rows, _), (there, rows_there, waits) = trained("numpy"), trained("cupy")
        same(here.flat.values, there.flat.values)
        assert waits == 2
        assert {**rows, "seconds": 0} == {**rows_there, "seconds": 0}
        data = CASES[kind][1]
        assert here.evaluate(data) == there.evaluate(data)
        x = [TEXT[:5], TEXT[:3]] if len(data) != 2 else data
        np.testing.assert_array_equal(here.predict(x), there.predict(x))


@pytest.mark.parametrize("kind", ["text", "pairs"])
def test_mixed_precision_learns_equally_well(kind):
    losses = []
    for precision in ("single", "mixed"):
        model, data = prepared(kind, {"precision": precision}, dtype="float32", dropout=0.0)
        losses.append(model.fit(data, epochs=3, verbose=0).history["loss"])
    np.testing.assert_allclose(*losses, rtol=tolerance("losses in mixed precision"))
