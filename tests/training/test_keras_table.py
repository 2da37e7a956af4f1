"""The table of Keras's names in docs/howto/keras.md: every row is run."""

import itertools
import pickle
import re
from pathlib import Path

import numpy as np
import pytest

from minitransformer import TransformerClassifier, load_model, training
from minitransformer.training import callbacks
from tests.support.toys import ToyWriter, padded, toy_data, toy_model, toy_text

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "keras.md"
ROW = re.compile(r"^\| `(?P<code>[^`]+)` \| (?P<kind>\w+) \| ?(?P<how>.*?) ?\|$")
X, Y = toy_data(24)

# An expression that is true after the row has run; `_` is the value of its code.
CHECKS = {
    'model.compile(metrics=["acc"])': 'model.metrics_names == ["loss", "acc"]',
    "model.compile(metrics=None)": 'model.metrics_names == ["loss", "accuracy"]',
    'model.compile(metrics=["precision", "recall", "f1_score"])': "len(model.evaluate(x, y)) == 4",
    "model.compile(metrics=[my_function])": "model.evaluate(x, y)[1] == 0.25",
    "model.fit(x, y, 16, 2)": "len(_) == 2 and model.optimizer.t == 4",
    "model.fit(x, y, batch_size=None)": "model.optimizer.t == 1",
    "model.fit(x, y, epochs=2)": "len(_) == 2",
    "model.fit(x, y, validation_data=(x, y, weights))": (
        '_.history["val_loss"] == [model.evaluate(x, y, sample_weight=weights)[0]]'
    ),
    "model.fit(x, y, shuffle=True)": "model.optimizer.t == 1",
    "model.fit(x, y, class_weight={0: 1.0, 1: 3.0})": (
        'abs(_.history["loss"][0] - weighted_loss([1.0, 3.0])) < 1e-12'
    ),
    'model.fit(x, y, class_weight="balanced")': (
        'abs(_.history["loss"][0] - weighted_loss([1.0, 1.0])) < 1e-12'
    ),
    "model.fit(x, y, sample_weight=weights)": (
        'abs(_.history["loss"][0] - weighted_loss([1.0, 1.0], weights)) < 1e-12'
    ),
    "model.fit(x, y, initial_epoch=1, epochs=2)": "_.epoch == [2]",
    "model.fit(x, y, steps_per_epoch=2, epochs=3)": "len(_) == 3 and model.optimizer.t == 6",
    "model.fit(generator, steps_per_epoch=2, epochs=3)": "len(_) == 3 and model.optimizer.t == 6",
    "model.fit(generator, steps_per_epoch=2, class_weight={0: 1.0, 1: 3.0})": (
        "model.optimizer.t == 2"
    ),
    "model.fit(x, y, validation_data=generator, validation_steps=2, epochs=3)": (
        '_.history["val_loss"][-1] == model.evaluate(x, y)[0]'
    ),
    "model.fit(x, y, validation_data=dataset)": (
        '_.history["val_loss"] == [model.evaluate(x, y)[0]]'
    ),
    "model.fit(dataset, epochs=2)": "len(_) == 2 and model.optimizer.t == 4",
    "model.fit(x, y, validation_data=(x, y), validation_freq=2, epochs=4)": (
        'len(_.history["loss"]) == 4 and len(_.history["val_loss"]) == 2'
    ),
    'model.fit(x, y).history["loss"]': "len(_) == 1",
    "loss, accuracy = model.evaluate(x, y)": "loss > 0 and 0 <= accuracy <= 1",
    "model.evaluate(x, y, return_dict=True)": 'list(_) == ["loss", "accuracy"]',
    "model.evaluate(x, y, batch_size=8, verbose=1)": "_ == model.evaluate(x, y)",
    "model.evaluate(x, y, sample_weight=weights)": "_[1] == model.evaluate(x, y)[1]",
    "model.head.b.value = [1.0, 2.0]": (
        "model.head.b.value.tolist() == model.get_weights()[-1].tolist() == [1.0, 2.0]"
    ),
    "model.metrics_names": '_ == ["loss", "accuracy"]',
    "model.predict(x)": "_.shape == (24, 2)",
    "model.predict(x, batch_size=8, verbose=0)": "(_ == model.predict(x)).all()",
    "model.train_on_batch(x, y)": "len(_) == 2",
    "model.fit(x, y, callbacks=[MyCallback()])": "MyCallback.epochs == [0]",
    "model.fit(x, y, callbacks=[lambda epoch, logs: None])": "len(_) == 1",
    "model.optimizer.learning_rate = 0.01": "model.optimizer.learning_rate == 0.01",
    'EarlyStopping("val_loss", patience=2)': "_.restore_best_weights",
    "TerminateOnNaN()": "isinstance(_, Callback)",
    "model.layers": "_[-1] is model.head",
    "model.count_params()": "_ == model.flat.values.size",
    "model.summary(print_fn=str)": "_ is None",
    'model.save("file.safetensors")': 'load_model("file.safetensors").recipe is None',
    'load_model("file.safetensors")': "(_.predict(x) == model.predict(x)).all()",
    "pickle.loads(pickle.dumps(model))": "(_.predict(x) == model.predict(x)).all()",
}


class MyCallback:
    epochs = []

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append(epoch)


def rows():
    lines = PAGE.read_text("utf-8").splitlines()
    table = [line for line in lines if line.startswith("| `")]
    found = [ROW.match(line) for line in table]
    assert all(found), [line for line, row in zip(table, found, strict=True) if not row]
    return [row.group("code", "kind", "how") for row in found]


def names():
    """What the code of the table uses."""
    model = toy_model(dropout=0.0)
    model.compile()
    gpt, ids = ToyWriter(), toy_text(40)
    gpt.compile()
    weights = np.linspace(0, 2, len(X))
    p = model.predict(X)[np.arange(len(X)), Y]

    def weighted_loss(of_classes, of_examples=1.0):
        w = np.array(of_classes)[Y] * of_examples
        return (w * -np.log(p)).sum() / w.sum()

    def my_function(y_true, y_pred):
        return 0.25

    def quiet(*arguments, **keywords):
        return fit(*arguments, **{"verbose": 0, **keywords})

    fit = model.fit
    vars(model)["fit"] = quiet
    exported = {name: getattr(training, name) for name in training.__all__}
    halves = [(X[:12], Y[:12]), (X[12:], Y[12:])]
    dataset, generator = dict(enumerate(halves)).values(), itertools.cycle(halves)
    own = {"callbacks": callbacks, "x": X, "y": Y, "MyCallback": MyCallback}
    padded_before = padded(X)[:, ::-1]
    modules = {"np": np, "pickle": pickle, "load_model": load_model}
    classes = {"TransformerClassifier": TransformerClassifier, "Own": type("Own", (), {})}
    return {**exported, **locals(), **own, **modules, **classes}


@pytest.mark.parametrize(("code", "kind", "how"), rows(), ids=[code for code, *_ in rows()])
def test_row(code, kind, how, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    space = names()
    if code.startswith("load_model"):
        space["model"].save("file.safetensors")
    if "pickle" in code:
        del vars(space["model"])["fit"]
    if "model.history" in code:
        space["model"].fit(X, Y)

    def run():
        try:
            space["_"] = eval(code, space)  # noqa: S307 - our own page
        except SyntaxError:  # a statement
            exec(code, space)  # noqa: S102

    if kind == "refused":
        message = re.search(r"`([^`]+)`", how).group(1)
        with pytest.raises((TypeError, ValueError, AttributeError), match=re.escape(message)):
            run()
        return
    assert kind in ("same", "different")
    run()
    assert kind == "same" or code in CHECKS, "a difference needs a check"
    assert eval(CHECKS.get(code, "True"), space), space.get("_")  # noqa: S307
    assert bool(capsys.readouterr().out) == ("verbose=1" in code or 'verbose="auto"' in code)


def test_every_check_belongs_to_a_row():
    assert set(CHECKS) <= {code for code, *_ in rows()}
