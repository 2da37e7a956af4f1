"""Batches from generators and other iterables."""

import numpy as np
import pytest

from minitransformer.training import SGD, Checkpoint
from tests.support.toys import (
    END,
    START,
    ToyTranslator,
    ToyWriter,
    toy_data,
    toy_model,
    toy_pairs,
    toy_text,
)

X, Y = toy_data(24)
SIZE = 6


def batches():
    return [(X[i : i + SIZE], Y[i : i + SIZE]) for i in range(0, 24, SIZE)]


def forever(*extra):
    while True:
        for x, y in batches():
            yield (x, y, *extra)


class Loader:
    """Like a PyTorch DataLoader: it can be iterated over again and again."""

    def __iter__(self):
        return iter([list(batch) for batch in batches()])

    def __len__(self):
        return 4


class Sequence:
    """Like Keras's PyDataset."""

    ended = 0

    def __len__(self):
        return 4

    def __getitem__(self, i):
        if not 0 <= i < 4:
            raise IndexError(i)
        return batches()[i]

    def on_epoch_end(self):
        self.ended += 1


def prepared():
    model = toy_model(seed=3)
    model.compile(SGD(0.3), micro_batch_tokens=40)
    return model


def arrays(**more):
    model = prepared()
    history = model.fit(X, Y, epochs=2, batch_size=SIZE, shuffle=False, verbose=0, **more)
    return model, history


@pytest.mark.parametrize(
    ("make", "steps"), [(forever, 4), (Loader, None), (Sequence, None), (Loader, 4)]
)
def test_batches_in_the_order_of_the_arrays_give_the_same_bits(make, steps):
    expected, rows = arrays(validation_data=(X, Y))
    model, source = prepared(), make()
    history = model.fit(source, epochs=2, steps_per_epoch=steps, verbose=0,
                        validation_data=Loader())  # fmt: skip
    assert model.flat.values.tobytes() == expected.flat.values.tobytes()
    assert history.history["val_loss"] == rows.history["val_loss"]
    assert getattr(source, "ended", 1) == 1


def test_a_generator_that_ends_ends_training():
    model = prepared()
    with pytest.warns(UserWarning, match="x has ended after step 6: training stops"):
        history = model.fit(iter(batches() + batches()[:2]), epochs=3, steps_per_epoch=4, verbose=0)
    assert (len(history), history.stopped_early, model.optimizer.t) == (2, True, 6)
    with pytest.warns(UserWarning, match="after step 10"):
        assert len(model.fit(iter(batches()), epochs=2, steps_per_epoch=4, verbose=0)) == 1


def test_a_run_on_a_generator_resumes_with_the_same_bits(tmp_path):
    def run(epochs, **more):
        model = prepared()
        model.fit(forever(), epochs=epochs, steps_per_epoch=3, verbose=0, **more)
        return model.flat.values.tobytes()

    whole = run(4)
    run(2, callbacks=[Checkpoint(tmp_path / "c")])
    assert run(4, resume=tmp_path / "c") == whole


def test_weights_in_batches():
    one, two = prepared(), prepared()
    weights = np.arange(1.0, 1 + SIZE)
    one.fit(forever(weights), steps_per_epoch=4, verbose=0)
    two.fit(X, Y, sample_weight=np.tile(weights, 4), batch_size=SIZE, shuffle=False, verbose=0)
    assert one.flat.values.tobytes() == two.flat.values.tobytes()


def validated(model, x, **more):
    return model.fit(x, verbose=0, **more).history["val_loss"]


def test_generative_models():
    rows, text = toy_text(64).reshape(8, 8), toy_text(40)
    for batches, together in (
        ([rows[:5], rows[5:]], rows),
        ([text, rows[0]], [*windows(text), rows[0]]),
    ):
        values = []
        for validation in (iter(batches), together):
            writer = ToyWriter()
            writer.compile()
            steps = 2 if validation is not together else None
            values += validated(writer, iter([rows, rows]), steps_per_epoch=2,
                                validation_data=validation, validation_steps=steps)  # fmt: skip
        assert values[0] == pytest.approx(values[1], rel=1e-12)
    values, pairs = [], toy_pairs(6)
    for validation, steps in (([(x[:4], x[4:]) for x in pairs], 2), (pairs, None)):
        translator = ToyTranslator()
        translator.compile(start_id=START, end_id=END)
        given = validation if steps is None else iter(zip(*validation, strict=True))
        values += validated(translator, iter([toy_pairs(4)] * 2), steps_per_epoch=2,
                            validation_data=given, validation_steps=steps)  # fmt: skip
    assert values[0] == pytest.approx(values[1], rel=1e-12)


def windows(text):
    """The windows of one long sequence, which share an id with the one before."""
    size = ToyWriter().max_len
    return [text[i : i + size + 1] for i in range(0, len(text) - 1, size)]


def test_weights_of_classes_in_batches():
    one, two = prepared(), prepared()
    one.fit(forever(), steps_per_epoch=4, verbose=0, class_weight={0: 1.0, 1: 3.0})
    two.fit(X, Y, class_weight={1: 3.0}, batch_size=SIZE, shuffle=False, verbose=0)
    assert one.flat.values.tobytes() == two.flat.values.tobytes()


def test_a_generator_to_validate_on_is_read_once():
    expected, rows = arrays(validation_data=(X[:18], Y[:18]))
    read = []
    source = (read.append(0) or batch for batch in forever())
    model = prepared()
    history = model.fit(forever(), epochs=2, steps_per_epoch=4, verbose=0, validation_data=source,
                        validation_steps=3)  # fmt: skip
    assert history.history["val_loss"] == rows.history["val_loss"]
    assert len(read) == 3
    only_x, _ = arrays(validation_data=source, validation_steps=3)
    assert only_x.flat.values.tobytes() == expected.flat.values.tobytes()


@pytest.mark.parametrize(
    ("x", "arguments", "message"),
    [
        (forever(), {}, "steps_per_epoch must be given for a generator"),
        (iter([X]), {"steps_per_epoch": 1}, r"batch 0 of x must be \(x, y\) or .*, got list"),
        (iter([(X, Y[:3])]), {"steps_per_epoch": 1}, "batch 0 of x: y must"),
        (
            forever(),
            {"steps_per_epoch": 1, "class_weight": "balanced"},
            "class_weight must be a dict",
        ),
        (forever(), {"steps_per_epoch": 1, "class_weight": {0: 0, 1: 0}}, "the weight 0"),
        (forever(), {"steps_per_epoch": 1, "sample_weight": [1.0]}, "sample_weight cannot be"),
        (forever(), {"steps_per_epoch": 1, "validation_split": 0.1}, "validation_split cannot be"),
        (
            forever(),
            {"steps_per_epoch": 1, "validation_data": forever()},
            "validation_steps must be",
        ),
        (
            forever(),
            {"steps_per_epoch": 1, "validation_data": iter(batches()), "validation_steps": 5},
            "validation_data must have 5 batches, got 4",
        ),
        (
            forever(),
            {"steps_per_epoch": 1, "validation_data": Loader(), "validation_steps": 0},
            "validation_steps must be >= 1",
        ),
    ],
)
def test_batches_that_are_refused(x, arguments, message):
    model = prepared()
    before = model.flat.values.copy()
    with pytest.raises((TypeError, ValueError), match=message):
        model.fit(x, verbose=0, **arguments)
    np.testing.assert_array_equal(model.flat.values, before)
