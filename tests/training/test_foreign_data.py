"""Data in the forms that other libraries use: tensors, tables, floats, padding on the left."""

import copy

import numpy as np
import pytest

from minitransformer import GPT, Transformer, TransformerClassifier

SIZES = {"max_len": 6, "d_model": 16, "n_heads": 2, "d_ff": 16, "n_layers": 1}
X = [[5, 6, 7], [8, 9], [3, 4, 5, 6]]
PADDED = np.array([[5, 6, 7, 0], [8, 9, 0, 0], [3, 4, 5, 6]])
LEFT = np.array([[0, 5, 6, 7], [0, 0, 8, 9], [3, 4, 5, 6]])
Y = np.array([0, 1, 1])


class Table:
    """As much of a pandas DataFrame or Series as is needed."""

    def __init__(self, values):
        self.values = values

    def __len__(self):
        return len(self.values)

    def keys(self):
        return ["a", "b"]

    def to_numpy(self):
        return self.values


class Tensor:
    """As much of a JAX or TensorFlow tensor as is needed."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return self.values

    def __int__(self):
        return int(self.values)


@pytest.fixture(scope="module")
def model():
    model = TransformerClassifier(20, 2, **SIZES)
    model.compile()
    return model


OBJECTS = np.empty(3, object)
OBJECTS[:] = X
FORMS = {
    "zeros after": PADDED,
    "zeros before": LEFT,
    "floats": PADDED.astype(float),
    "floats in lists": [[5.0, 6.0, 7.0], [8.0, 9.0], [3.0, 4.0, 5.0, 6.0]],
    "int8": LEFT.astype("int8"),
    "objects": PADDED.astype(object),
    "list of tensors": [Tensor(np.array(row)) for row in X],
    "tensor": Tensor(LEFT),
    "table": Table(PADDED),
    "table of floats": Table(LEFT * 1.0),
    "series of lists": Table(OBJECTS),
}


@pytest.mark.parametrize("form", FORMS)
def test_all_forms_of_ids_predict_the_same(model, form):
    assert np.array_equal(model.predict(FORMS[form]), model.predict(X))


def test_zeros_between_tokens_are_tokens_and_a_mask_decides_alone(model):
    assert np.array_equal(model.predict(np.array([[0, 5, 0, 6]])), model.predict([[5, 0, 6]]))
    all_tokens = np.ones((3, 4), int)  # 0 and 1, as in the masks of other libraries
    assert np.array_equal(model.predict(LEFT, mask=all_tokens), model.predict(LEFT.tolist()))
    tensor = Tensor(PADDED != 0)
    assert np.array_equal(model.predict(PADDED, mask=tensor), model.predict(X))


LABELS = {
    "bools": Y == 1,
    "floats": Y * 1.0,
    "column": Y[:, None],
    "column of floats": Y[:, None] * 1.0,
    "one-hot bools": np.eye(2, dtype=bool)[Y],
    "objects": Y.astype(object),
    "tensor": Tensor(Y),
    "series": Table(Y),
    "table of one column": Table(Y[:, None]),
    "list of bools": [False, True, True],
    "list of tensors": [Tensor(np.array(label)) for label in Y],
}


@pytest.mark.parametrize("form", LABELS)
def test_all_forms_of_labels_train_the_same(model, form):
    one, other = copy.deepcopy(model), copy.deepcopy(model)
    one.fit(X, Y, verbose=0)
    other.fit(X, LABELS[form], verbose=0)
    assert np.array_equal(one.flat.values, other.flat.values)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (Table(np.array(["a", "b", "a"], object)), "got the text 'a': names, y = np.unique"),
        ([0, None, 1], "y must have a label for every example, got None"),
        (Tensor(np.array([0.2, 0.9, 1.0])), r"y\[0\] must be a class number 0..1, got 0.2"),
        (Y * np.nan, r"y\[0\] must be a class number 0..1, got nan"),
    ],
)
def test_labels_that_are_not_classes_are_refused(model, labels, message):
    with pytest.raises((TypeError, ValueError), match=message):
        model.fit(X, labels, verbose=0)


def test_generative_models_take_the_same_forms():
    gpt = GPT(vocab_size=20, **SIZES)
    rows = [[5, 6, 7], [3, 4, 5]]
    for form in (
        np.array(rows),
        np.array(rows) * 1.0,
        Tensor(np.array(rows)),
        Table(np.array(rows)),
    ):
        assert np.array_equal(gpt.predict(form), gpt.predict(rows))
    gpt.compile()
    for form in (Tensor(np.array([1, 2, 3, 4])), Table(np.array([1.0, 2.0, 3.0, 4.0]))):
        assert gpt.evaluate(form) == gpt.evaluate([1, 2, 3, 4])
    translator = Transformer(vocab_size=20, target_vocab_size=20, **SIZES)
    translator.compile(start_id=2, end_id=3)
    pair = Tensor(np.array(rows)), Table(np.array(rows) * 1.0)
    assert np.array_equal(translator.predict(pair), translator.predict((rows, rows)))


@pytest.mark.parametrize("x", [Tensor(np.array([[5, 6]])), Table(PADDED)])
def test_a_forward_pass_takes_arrays_only(model, x):
    with pytest.raises(TypeError, match="ids must be a NumPy or CuPy array, got a"):
        model(x)
