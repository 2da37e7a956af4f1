"""Wrong arguments from a user, and the error messages for them."""

import numpy as np
import pytest

from minitransformer.training import BestWeights, CategoricalCrossentropy, EarlyStopping, Optimizer
from tests.support.toys import padded, toy_data, toy_model

X, Y = toy_data(10)
WEIGHTED = CategoricalCrossentropy(class_weights=[2.0])


@pytest.fixture(scope="module")
def model():
    model = toy_model()
    model.compile(workers=1)
    return model


@pytest.fixture(autouse=True)
def _unchanged(model):
    """A refused call must not change the model."""
    values, t = model.flat.values.copy(), model.recipe.optimizer.t
    yield
    np.testing.assert_array_equal(model.flat.values, values)
    assert model.recipe.optimizer.t == t


BAD_X = {
    "id too large": (
        [[5, 6], [7, 8, 20]],
        ValueError,
        r"x\[1\]\[2\] is id 20, allowed are 0..19 \(vocab_size=20\)",
    ),
    "id negative": ([[5, 6], [-1]], ValueError, r"x\[1\]\[0\] is id -1, allowed are 0..19"),
    "id far too large": ([[2**40]], ValueError, r"x\[0\]\[0\] is id 1099511627776"),
    "uint64 beyond int64": (
        [np.array([2**63 + 5], np.uint64)],
        ValueError,
        r"x\[0\]\[0\] is id 9223372036854775813",
    ),
    "padded id": (np.array([[5, 99, 0]]), ValueError, r"x\[0\]\[1\] is id 99"),
    "empty sequence": ([[5], []], ValueError, r"x\[1\] is empty"),
    "only padding": (np.array([[5, 6], [0, 0]]), ValueError, r"x\[1\] is empty"),
    "no width": (np.zeros((2, 0), int), ValueError, r"x\[0\] is empty"),
    "no examples": ([], ValueError, "x is empty: there is no example"),
    "no rows": (np.zeros((0, 5), int), ValueError, "x is empty: there is no example"),
    "too long": ([[5], [6] * 13], ValueError, r"x\[1\] has 13 tokens, but max_len is 12: trunc"),
    "texts": (["a fine film"], TypeError, r"x\[0\] is text: turn it into ids first"),
    "one text": (
        "a fine film",
        TypeError,
        "x must be a list of id sequences, got str: turn the text into ids",
    ),
    "a dict": ({0: [5]}, TypeError, "x must be a list of id sequences, got dict with the keys 0"),
    "a number": (5, TypeError, "x must be a list of id sequences .* got int"),
    "one sequence": ([5, 6, 7], ValueError, r"got a flat list of ids: give \[x\] if it is one"),
    "floats": ([[5.0, 6.5]], ValueError, r"x\[0\]\[1\] must be a whole number, got 6.5"),
    "float array": (
        np.full((2, 3), 1.5),
        ValueError,
        r"x\[0\]\[0\] must be a whole number, got 1.5",
    ),
    "missing": (np.array([[5, np.nan]]), ValueError, r"x\[0\]\[1\] .* got nan; padding is 0"),
    "bools": ([[True]], TypeError, r"x\[0\] must hold integer ids, got bool"),
    "nested": ([[[5, 6]]], ValueError, r"x\[0\] must be a flat list of ids, got shape \(1, 2\)"),
    "ragged nest": ([[[5], [6, 7]]], TypeError, r"x\[0\] must be a flat list .* nested lists"),
    "three axes": (np.ones((2, 2, 2), int), ValueError, r"x\[0\] must be a flat list of ids"),
    "strings in a row": ([["5"]], TypeError, r"x\[0\] must hold integer ids, got <U1"),
}


@pytest.mark.parametrize("case", sorted(BAD_X))
def test_bad_ids(model, case):
    x, error, message = BAD_X[case]
    with pytest.raises(error, match=message):
        model.predict(x)
    n = len(x) if hasattr(x, "__len__") else 1
    labels = np.arange(n) % 2
    with pytest.raises(error, match=message):
        model.fit(x, labels, verbose=0)
    with pytest.raises(error, match=message):
        model.fit(X, Y, validation_data=(x, labels), verbose=0)


BAD_MASK = {
    "not boolean": (padded(X), (padded(X) != 0) * 2, TypeError, "mask must be boolean .* int64"),
    "floats": (padded(X), (padded(X) != 0) * 0.5, TypeError, "mask must be boolean .* float64"),
    "shape": (padded(X), np.ones((10, 3), bool), ValueError, "mask must have the shape of x"),
    "no token": (padded(X), np.zeros_like(padded(X), bool), ValueError, r"x\[0\] is empty"),
    "list, not boolean": ([[5, 6]], [[1, 2]], TypeError, r"mask\[0\] must be boolean"),
    "list, shape": ([[5, 6]], [[True]], ValueError, r"mask\[0\] must have shape \(2,\) like x"),
    "list, number": ([[5], [6]], [[True]], ValueError, "mask must be a list of 2 boolean"),
    "list, nothing": ([[5], [6]], True, ValueError, "mask must be a list of 2 boolean"),
    "list, none in it": ([[5, 6]], [[False, False]], ValueError, r"x\[0\] is empty"),
}


@pytest.mark.parametrize("case", sorted(BAD_MASK))
def test_bad_masks(model, case):
    x, mask, error, message = BAD_MASK[case]
    with pytest.raises(error, match=message):
        model.predict(x, mask=mask)
    with pytest.raises(error, match=message):
        model.fit(x, np.arange(len(x)) % 2, mask=mask, verbose=0)


ONE_HOT = np.eye(2)[Y]
TWO = ONE_HOT.copy()
TWO[3] = 1.0
SOFT = ONE_HOT.copy()
SOFT[4] = 0.5
BAD_Y = {
    "too large": (np.where(np.arange(10) == 6, 2, Y), ValueError, r"y\[6\] is class 2, .* 0..1"),
    "negative": (np.where(np.arange(10) == 0, -1, Y), ValueError, r"y\[0\] is class -1"),
    "too few": (Y[:-1], ValueError, "one label for each of the 10 examples of x, got 9"),
    "too many": ([*Y, 0], ValueError, "one label for each of the 10 examples of x, got 11"),
    "values": (Y * 2.5, ValueError, r"y\[1\] must be a class number 0..1, got 2.5: .*regression"),
    "complex": (Y * 1j, TypeError, "y must be whole class numbers 0..1, got complex128"),
    "texts": (["good"] * 10, TypeError, r"0..1, got the text 'good': names, y = np.unique"),
    "two ones": (
        TWO,
        ValueError,
        r"y\[3\] = \[1.0, 1.0\] is not one-hot.*one model of two classes",
    ),
    "soft": (SOFT, ValueError, r"y\[4\] = \[0.5, 0.5\] is not one-hot.*label_smoothing"),
    "signs": (2 * Y - 1, ValueError, r"is class -1, .*np.unique\(y, return_inverse=True\)\[1\]"),
    "a gap": (2 * Y, ValueError, r"is class 2, .*np.unique\(y, return_inverse=True\)\[1\] numb"),
    "missing": (np.where(np.arange(10) == 3, np.nan, Y), ValueError, r"y\[3\] .*nan: leave out"),
    "None": ([*Y[:9].tolist(), None], TypeError, "a label for every example, got None"),
    "masked": (np.ma.array(Y, mask=Y == 1), ValueError, "every example, but some are masked"),
    "beyond integers": (Y * 1e300, ValueError, r"must be a class number 0..1, got 1e\+300"),
    "from one": (Y + 1, ValueError, r"y\[1\] is class 2, .*counted from 0: give y - 1"),
    "ragged": ([[1]] * 9 + [[1, 0]], TypeError, "y must be class numbers.*different lengths"),
    "columns": (np.eye(3)[Y], ValueError, "one-hot y must have 2 columns, got 3"),
    "three axes": (np.zeros((10, 2, 1), int), ValueError, r"y must be class numbers of shape"),
    "nothing": (None, TypeError, "y must be given: one class number for each example"),
}


@pytest.mark.parametrize("case", sorted(BAD_Y))
def test_bad_labels(model, case):
    y, error, message = BAD_Y[case]
    for call in (model.evaluate, model.train_on_batch, model.fit):
        with pytest.raises(error, match=message):
            call(X, y)
    with pytest.raises(error, match=message):
        model.fit(X, Y, validation_data=(X, y))


def test_sparse_loss_takes_no_one_hot_rows():
    model = toy_model()
    model.compile(loss="sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match=r"y must be class numbers of shape \(10,\), got shape"):
        model.fit(X, ONE_HOT)


def test_labels_of_one_class(model):
    with pytest.raises(ValueError, match="all 10 labels in y are class 1: training needs"):
        model.fit(X, np.ones(10, int))
    with pytest.raises(ValueError, match="all 5 labels"):
        model.fit(X, [0] * 5 + [1] * 5, validation_split=0.5)
    model.evaluate(X, np.ones(10, int))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"epochs": 0}, ValueError, "epochs must be >= 1, got 0"),
        ({"epochs": 2.5}, TypeError, "epochs must be a whole number >= 1, got 2.5"),
        ({"epochs": True}, TypeError, "epochs must be a whole number"),
        ({"batch_size": 0}, ValueError, "batch_size must be >= 1, got 0"),
        ({"batch_size": -3}, ValueError, "batch_size must be >= 1, got -3"),
        ({"batch_size": "32"}, TypeError, "batch_size must be a whole number >= 1, got '32'"),
        ({"initial_epoch": -1}, ValueError, "initial_epoch must be >= 0"),
        ({"shuffle": "yes"}, TypeError, "shuffle must be True or False, got 'yes'"),
        ({"verbose": 3}, ValueError, "verbose must be one of auto, 0, 1, 2, got 3"),
        ({"validation_split": 1.0}, ValueError, "validation_split must be finite and > 0 and < 1"),
        ({"validation_split": -0.1}, ValueError, "validation_split must be"),
        ({"validation_data": X}, TypeError, r"validation_data must be \(x, y\), .* length 10"),
        ({"validation_data": 3}, TypeError, "validation_data must be .* got int"),
        (
            {"class_weight": {2: 1.0}},
            ValueError,
            "class_weight must have class numbers, 0..1, as keys, got 2",
        ),
        ({"class_weight": {"0": 1.0}}, ValueError, "0..1, as keys, got '0', a text"),
        ({"validation_steps": 2}, ValueError, "validation_steps must be None unless"),
        ({"class_weight": [1.0]}, ValueError, "class_weight must give 2 weights, one per class"),
        ({"class_weight": {0: -1.0}}, ValueError, "class_weight must be finite and >= 0"),
        ({"callbacks": [3]}, TypeError, r"callbacks must be objects with methods"),
        (
            {"callbacks": [EarlyStopping]},
            TypeError,
            r"got <class .*EarlyStopping.*write \(\) after",
        ),
        (
            {"callbacks": [EarlyStopping()]},
            ValueError,
            "unknown name to monitor 'val_loss'.*needs validation data",
        ),
        (
            {"callbacks": [BestWeights("val_acuracy")], "validation_data": (X, Y)},
            ValueError,
            "did you mean 'val_accuracy'",
        ),
        ({"resume": "no/such/file"}, FileNotFoundError, "no/such/file"),
    ],
)
def test_bad_arguments_of_fit(model, arguments, error, message):
    with pytest.raises(error, match=message):
        model.fit(X, Y, **{"verbose": 0, **arguments})


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"optimizer": "adm"}, ValueError, "unknown optimizer 'adm'; did you mean 'adam'"),
        ({"optimizer": Optimizer}, TypeError, "learning_rate"),
        ({"loss": "crossentropy"}, ValueError, "did you mean 'categorical_crossentropy'"),
        ({"loss": 1}, TypeError, "loss must be a name or an object, got int: 1"),
        ({"loss": WEIGHTED}, ValueError, "class_weights must have 2 weights, one per class, got 1"),
        ({"metrics": ["acuracy"]}, ValueError, "unknown metric 'acuracy'; did you mean 'accuracy'"),
        ({"metrics": "accuracy"}, TypeError, "metrics must be a list"),
        ({"metrics": ["accuracy", "accuracy"]}, ValueError, "'accuracy' into the history twice"),
        ({"schedule": "cosine"}, ValueError, "did you mean 'warmup_cosine'"),
        ({"clip": 0}, ValueError, "clip must be finite and > 0, got 0"),
        ({"clip": "much"}, TypeError, "clip must be a number, got 'much'"),
        ({"l1": -1}, ValueError, "l1 must be finite and >= 0"),
        ({"l2": float("nan")}, ValueError, "l2 must be finite"),
        ({"word_dropout": 1.0}, ValueError, "word_dropout must be finite and >= 0 and < 1"),
        ({"average": 1}, ValueError, "average must be finite and >= 0 and < 1"),
        ({"workers": 0}, ValueError, "workers must be >= 1"),
        ({"micro_batch_tokens": 0}, ValueError, "micro_batch_tokens must be >= 1"),
    ],
)
def test_bad_arguments_of_compile(model, arguments, error, message):
    before = model.recipe
    with pytest.raises(error, match=message):
        model.compile(**arguments)
    assert model.recipe is before


def test_bad_arguments_of_losses_and_callbacks():
    with pytest.raises(ValueError, match="label_smoothing must be finite and >= 0 and < 1"):
        CategoricalCrossentropy(label_smoothing=1.0)
    for weights in ([1.0, -2.0], [[1.0]], [1.0, float("inf")]):
        with pytest.raises(ValueError, match="class_weights must be a flat list of finite numbers"):
            CategoricalCrossentropy(class_weights=weights)
    CategoricalCrossentropy(class_weights=[0.0, 1.0])
    with pytest.raises(ValueError, match="patience must be >= 1"):
        EarlyStopping(patience=0)
    with pytest.raises(ValueError, match="mode must be one of auto, min, max, got 'best'"):
        BestWeights(mode="best")


def test_squared_error_has_no_class_weights():
    model = toy_model()
    model.compile(loss="mse")
    with pytest.raises(ValueError, match="loss must be a cross-entropy if class_weight is given"):
        model.fit(X, Y, class_weight={0: 2.0}, verbose=0)


@pytest.mark.parametrize("method", ["fit", "evaluate", "train_on_batch"])
def test_without_compile(method):
    with pytest.raises(RuntimeError, match=f"call compile before {method}"):
        getattr(toy_model(), method)(X, Y)


def test_one_example_cannot_be_split(model):
    with pytest.raises(ValueError, match="validation_split needs at least 2 examples"):
        model.fit(X[:1], Y[:1], validation_split=0.5)


def test_half_precision_is_not_trained():
    model = toy_model(dtype="float16")
    model.compile()
    for method in (model.fit, model.train_on_batch):
        with pytest.raises(ValueError, match="float16 models cannot be trained yet: train in flo"):
            method(X, Y)
    assert set(model.evaluate(X, Y, return_dict=True)) == {"loss", "accuracy"}
