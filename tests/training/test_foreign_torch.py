"""PyTorch's tensors as data: the same results as lists and arrays give."""

import copy

import numpy as np
import pytest

from minitransformer import GPT, Transformer, TransformerClassifier

torch = pytest.importorskip("torch", reason="PyTorch is only an oracle; a stand-in is tested")

SIZES = {"max_len": 6, "d_model": 16, "n_heads": 2, "d_ff": 16, "n_layers": 1}
X = [[5, 6, 7], [8, 9], [3, 4, 5, 6]]
PADDED = torch.tensor([[5, 6, 7, 0], [8, 9, 0, 0], [3, 4, 5, 6]])
Y = [0, 1, 1]
FORMS = {
    "ids": PADDED,
    "floats with gradients": PADDED.float().requires_grad_(),
    "list of tensors": [torch.tensor(row) for row in X],
}


@pytest.fixture(scope="module")
def model():
    model = TransformerClassifier(20, 2, **SIZES)
    model.compile()
    return model


@pytest.mark.parametrize("form", FORMS)
def test_tensors_of_ids_predict_what_lists_predict(model, form):
    assert np.array_equal(model.predict(FORMS[form]), model.predict(X))


def test_a_tensor_is_a_mask(model):
    assert np.array_equal(model.predict(PADDED.numpy(), mask=PADDED != 0), model.predict(X))


@pytest.mark.parametrize("labels", [torch.tensor(Y), list(torch.tensor(Y))], ids=["one", "list"])
def test_tensors_of_labels_train_what_lists_train(model, labels):
    one, other = copy.deepcopy(model), copy.deepcopy(model)
    one.fit(X, Y, verbose=0)
    other.fit(X, labels, verbose=0)
    assert np.array_equal(one.flat.values, other.flat.values)


def test_tensors_of_parts_of_classes_are_refused(model):
    with pytest.raises(ValueError, match=r"y\[0\] must be a class number 0..1, got 0.2"):
        model.fit(X, torch.tensor([0.2, 0.9, 1.0]), verbose=0)


def test_generative_models_take_tensors():
    rows = [[5, 6, 7], [3, 4, 5]]
    gpt = GPT(vocab_size=20, **SIZES)
    assert np.array_equal(gpt.predict(torch.tensor(rows)), gpt.predict(rows))
    gpt.compile()
    assert gpt.evaluate(torch.tensor([1, 2, 3, 4])) == gpt.evaluate([1, 2, 3, 4])
    translator = Transformer(vocab_size=20, target_vocab_size=20, **SIZES)
    translator.compile(start_id=2, end_id=3)
    pair = torch.tensor(rows), torch.tensor(rows)
    assert np.array_equal(translator.predict(pair), translator.predict((rows, rows)))


def test_a_forward_pass_takes_arrays_only(model):
    with pytest.raises(TypeError, match="ids must be a NumPy or CuPy array, got a"):
        model(torch.tensor([[5, 6]]))
