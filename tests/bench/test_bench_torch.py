"""Both sides of the benchmark do the same work, step by step, from the same weights."""

import numpy as np
import pytest

from minitransformer.bench import ours
from minitransformer.bench.workloads.classifier import ClassifierCase, batches
from minitransformer.bench.workloads.generation import GenerationCase
from minitransformer.bench.workloads.language_model import LanguageModelCase
from minitransformer.bench.workloads.recurrent import RecurrentCase
from minitransformer.bench.workloads.translation import TranslationCase
from minitransformer.models import GPT, Transformer
from tests.support.tolerances import tolerance

SMALL = {"vocab_size": 90, "d_model": 32, "n_heads": 4, "n_layers": 2}


@pytest.fixture
def torch_side():
    """PyTorch's side, if PyTorch is installed."""
    reason = "PyTorch is not installed; it is only needed to compare with"
    pytest.importorskip("torch", reason=reason)
    return pytest.importorskip("minitransformer.bench.torch_side", reason=reason)


def values_of(model):
    """Random numbers are added to our parameters; returns their values by name."""
    rng = np.random.default_rng(0)
    for parameter in model.parameters().values():
        parameter.value[...] += 0.1 * rng.standard_normal(parameter.shape)
    return {name: parameter.value for name, parameter in model.parameters().items()}


def assert_same_logits(torch_side, theirs, logits, *inputs):
    tensors = [None if a is None else torch_side.torch.from_numpy(a) for a in inputs]
    with torch_side.torch.no_grad():
        expected = theirs.eval()(*tensors).numpy()
    error = np.abs(logits - expected) / np.maximum(1, np.abs(expected))
    assert error.max() <= tolerance("bench: logits vs PyTorch")


@pytest.mark.parametrize("padded", [False, True])
def test_the_classifier_gives_the_same_logits(torch_side, padded):
    case = ClassifierCase("x", 0.1, texts=6, vocab_size=300, padded=padded)
    model, theirs = ours.classifier_of(case), torch_side.KINDS["classifier"](case, "cpu", False)
    theirs.model.copy_in(values_of(model))
    ids, mask = batches(case)[0].padded(case.max_len if padded else None)
    assert not mask.all()
    logits, _ = model.forward(ids, mask=mask)
    assert_same_logits(torch_side, theirs.model, logits, ids, mask)


@pytest.mark.parametrize(("bias", "activation"), [(True, "gelu_tanh"), (False, "gelu")])
def test_the_decoder_gives_the_same_logits(torch_side, bias, activation):
    case = LanguageModelCase("x", 0.1, max_len=19, bias=bias, activation=activation, **SMALL)
    model, theirs = GPT(**case.sizes), torch_side.KINDS["language model"](case, "cpu", False)
    theirs.model.copy_in(values_of(model))
    ids = np.random.default_rng(0).integers(0, 90, (3, 17))
    assert_same_logits(torch_side, theirs.model, model.forward(ids)[0], ids)


@pytest.mark.parametrize("varied", [False, True])
def test_the_recurrent_classifier_gives_the_same_logits(torch_side, varied):
    case = RecurrentCase("x", 0.1, texts=6, max_len=150, varied=varied, d_state=50)
    model, theirs = ours.steps(case, "cpu", 1).model, torch_side.steps(case, "cpu", 1)
    theirs.model.copy_in(values_of(model))
    ids, mask = batches(case)[0].padded()
    assert mask.all() != varied
    mask = mask if varied else None
    logits, _ = model.forward(ids, mask=mask)
    assert_same_logits(torch_side, theirs.model, logits, ids, mask)


def test_the_encoder_decoder_gives_the_same_logits(torch_side):
    case = TranslationCase("x", 0.1, d_ff=64, **SMALL)
    model = Transformer(**case.sizes)
    theirs = torch_side.KINDS["translation"](case, "cpu", False)
    theirs.model.copy_in(values_of(model))
    source, target = np.random.default_rng(0).integers(0, 90, (2, 3, 17))
    mask = np.arange(17) < np.array([[17], [4], [9]])
    logits, _ = model.forward(source, target, source_mask=mask)
    assert_same_logits(torch_side, theirs.model, logits, source, target, mask)


def test_both_write_the_same_text(torch_side):
    case = GenerationCase("x", 0.0, prompt=5, written=30, max_len=40, **SMALL)
    steps, theirs = ours.steps(case, "cpu", 1), torch_side.steps(case, "cpu", 1)
    theirs.model.copy_in(values_of(steps.model))
    for number in range(2):
        written = steps.step(number)
        assert written.shape == (30,)
        assert len(set(written.tolist())) > 3
        assert np.array_equal(written, theirs.step(number))


CLASSIFIER = ClassifierCase("classifier", 0.0, texts=5, vocab_size=300, d_model=32)
TRANSLATION = TranslationCase(
    "translation", 0.0, pairs=6, shortest=4, longest=11, d_ff=64, **SMALL
)  # fmt: skip

RECURRENT = RecurrentCase(
    "recurrent", 0.0, texts=6, max_len=150, varied=True, d_model=32, d_state=20
)  # fmt: skip


@pytest.mark.parametrize(
    ("case", "options"),
    [
        (CLASSIFIER, {}),
        (CLASSIFIER, {"groups": 4}),
        (LanguageModelCase("language model", 0.0, windows=3, max_len=9, **SMALL), {}),
        (TRANSLATION, {}),
        (TRANSLATION, {"groups": 4}),
        (RECURRENT, {}),
        (RECURRENT, {"groups": 4}),
    ],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_both_sides_take_the_same_steps(torch_side, case, options):
    """The losses of eight steps from the same weights agree, without dropout."""
    steps, theirs = ours.steps(case, "cpu", 1), torch_side.steps(case, "cpu", 1, **options)
    assert {len(parts) for parts in theirs.batches} == {options.get("groups", 1)}
    values = steps.model.parameters().items()
    theirs.model.copy_in({name: parameter.value for name, parameter in values})
    losses = np.array([[float(s.step(i)[0]) for s in (steps, theirs)] for i in range(8)])
    error = np.abs(losses[:, 0] / losses[:, 1] - 1).max()
    assert error <= tolerance("bench: losses vs PyTorch")
    assert losses[4:].mean() < losses[:4].mean()
