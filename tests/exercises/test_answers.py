"""No right answer is called wrong, no wrong one right, and the words say what happened."""

import re
import subprocess
import sys

import numpy as np
import pytest

from minitransformer.exercises import EXERCISES, RIGHT, RIGHT_BUT_FLOAT64, WRONG, judge
from minitransformer.exercises.docstrings import equation
from minitransformer.exercises.submissions.stubs import stub, stubs
from minitransformer.functional import layer_norm, softmax, softmax_backward
from minitransformer.functional.loss import CrossEntropySaved
from tests.support import right_solutions

TWIN = {name: exercise.twin for name, exercise in EXERCISES.items()}


def verdict(name, function):
    return judge(EXERCISES[name], function)


@pytest.mark.parametrize("name", EXERCISES)
def test_right_answers_in_other_styles_are_right(name):
    assert len(right_solutions.RIGHT[name]) >= 3
    for function in right_solutions.RIGHT[name]:
        found = verdict(name, function)
        assert found.ok, str(found)


def other_generator(seed):
    return lambda rng, shape, p, dtype: TWIN["dropout_mask"](
        np.random.default_rng(seed), shape, p, dtype
    )


def one_row(rng, shape, p, dtype):
    return TWIN["dropout_mask"](rng, shape[-1:], p, dtype) * np.ones(shape, dtype)


def global_generator(rng, shape, p, dtype):
    return (np.random.random(shape) >= p).astype(dtype) / np.asarray(1 - p, dtype)


def last_axis(x, axis=-1):
    return softmax(x)


def always_fifth(logits, targets, label_smoothing=0.0):
    return TWIN["cross_entropy"](logits, targets, label_smoothing=0.2 if label_smoothing else 0.0)[
        0
    ]


def counts_from_0(logits, targets, ignore_index=None):
    return TWIN["cross_entropy"](logits, targets, ignore_index=-100)[0]


def fixed_rates(theta, g, m, v, t, lr, beta1, beta2, eps, weight_decay):
    return TWIN["adamw_step"](theta, g, m, v, t, 0.1, 0.9, 0.99, 1e-3, weight_decay)


KEYWORDS = [
    ("softmax", "axis", last_axis),
    ("softmax_backward", "axis", lambda dy, y, axis=-1: softmax_backward(dy, y)),
    ("log_softmax", "axis", lambda x, axis=-1: TWIN["log_softmax"](x)),
    ("log_softmax_backward", "axis", lambda dy, y, axis=-1: TWIN["log_softmax_backward"](dy, y)),
    ("linear", "b.*None", lambda x, W, b=None: x @ W + b),
    ("gelu", "approximate", lambda x, approximate="none": TWIN["gelu"](x)),
    ("gelu_backward", "approximate", lambda dy, x, approximate="": TWIN["gelu_backward"](dy, x)),
    ("layer_norm", "eps", lambda x, gamma, beta, eps=1e-5: layer_norm(x, gamma, beta)),
    ("rms_norm", "eps", lambda x, gamma, eps=1e-6: TWIN["rms_norm"](x, gamma)),
    ("sinusoidal_positions", "dtype", lambda n, d, dtype=None: TWIN["sinusoidal_positions"](n, d)),
    (
        "attention",
        "keep",
        lambda Q, K, V, mask=None, *, keep=None: TWIN["attention"](Q, K, V, mask),
    ),
    (
        "attention",
        "bias",
        lambda Q, K, V, mask=None, *, bias=None: TWIN["attention"](Q, K, V, mask),
    ),
    ("cross_entropy", "smoothing|all of them", always_fifth),
    ("cross_entropy", "ignore_index", counts_from_0),
    ("adamw_step", "built in", fixed_rates),
    (
        "sgd_momentum_step",
        "built in",
        lambda theta, g, v, lr, beta: TWIN["sgd_momentum_step"](theta, g, v, 0.1, beta),
    ),
    ("dropout_mask", "every generator gives the same", other_generator(3)),
    ("dropout_mask", "different masks", other_generator(None)),
    ("dropout_mask", "different masks", global_generator),
    ("dropout_mask", "all along axis 0", one_row),
]


@pytest.mark.parametrize(("name", "words", "function"), KEYWORDS)
def test_a_keyword_that_is_ignored_is_noticed(name, words, function):
    found = verdict(name, function)
    assert found.state == WRONG
    assert re.search(words, found.fault), found.fault


def test_right_numbers_in_float64_are_a_state_of_their_own():
    def embedding_backward(dy, ids, n_rows):
        dW = np.zeros((n_rows, dy.shape[-1]))
        np.add.at(dW, ids, dy)
        return dW

    found = verdict("embedding_backward", embedding_backward)
    assert (found.ok, found.state) == (True, RIGHT_BUT_FLOAT64)
    assert "np.zeros" in found.fault
    assert "hints" not in str(found)
    assert "float32" in found.right
    wrong = verdict("embedding_backward", lambda dy, i, n: 2 * embedding_backward(dy, i, n))
    assert wrong.state == WRONG
    assert "dtype" not in wrong.fault


def test_an_unusual_case_is_a_limit_and_not_a_mistake():
    found = verdict(
        "mean_squared_error", lambda y, target: (((y - target) ** 2).mean(), y - target)
    )
    assert found.state == RIGHT
    assert found.limits == (
        "an empty pair: the loss of two arrays without entries is 0: divide by at least 1",
    )
    assert "limits  an empty pair" in str(found)


def layer_norm_with(xhat):
    def function(x, gamma, beta, eps=1e-5):
        y, right, rstd = layer_norm(x, gamma, beta, eps)
        return y, xhat(right, gamma, beta), rstd

    return function


def mean(x):
    return x.mean(axis=-1, keepdims=True)


def gamma_in_one_mean(dy, xhat, rstd, gamma):
    d = gamma * dy
    dx = rstd * (d - mean(dy) - xhat * mean(d * xhat))
    return dx, (dy * xhat).sum(axis=(0, 1)), dy.sum(axis=(0, 1))


def momentum_with_rate(theta, g, v, lr, beta):
    v = beta * v - lr * g
    return theta + v, v


def one_beta(theta, g, m, v, t, lr, beta1, beta2, eps, weight_decay):
    return TWIN["adamw_step"](theta, g, m, v, t, lr, beta1, beta1, eps, weight_decay)


WORDS = [
    ("log_softmax", "1e-09 is added", lambda x: np.log(softmax(x) + 1e-9)),
    ("log_softmax", "logarithm of softmax", lambda x: np.log(softmax(x))),
    ("log_softmax", "base 10", lambda x: np.log10(softmax(x))),
    ("log_softmax", "base 2", lambda x: np.log2(softmax(x))),
    (
        "softmax",
        "1e-08 is added to the sum",
        lambda x: (e := np.exp(x - x.max(-1, keepdims=True))) / (e.sum(-1, keepdims=True) + 1e-8),
    ),
    (
        "cross_entropy",
        "one number.*mean",
        lambda z, t: -np.take_along_axis(TWIN["log_softmax"](z), t[..., None], -1)[..., 0],
    ),
    (
        "cross_entropy",
        "base 10",
        lambda z, t: TWIN["cross_entropy"](z, t)[0] / np.log(10),
    ),
    (
        "layer_norm",
        "xhat: gamma is a factor",
        layer_norm_with(lambda xhat, gamma, beta: gamma * xhat),
    ),
    ("layer_norm", "xhat: this is y", layer_norm_with(lambda xhat, g, beta: g * xhat + beta)),
    ("layer_norm_backward", r"gamma is left out of mean\(gamma dy\)", gamma_in_one_mean),
    ("sgd_momentum_step", "contains minus the learning rate", momentum_with_rate),
    ("adamw_step", "v: beta1 is used", one_beta),
]


@pytest.mark.parametrize(("name", "words", "function"), WORDS)
def test_the_words_name_the_mistake(name, words, function):
    found = verdict(name, function)
    assert found.state == WRONG
    assert re.search(words, found.fault), found.fault
    assert not re.search("sign is wrong|not divided|is missing|exchanged", found.fault), found.fault


def test_the_two_values_of_the_place_differ():
    found = verdict("softmax", lambda x: softmax(x) * (1 + 2e-8))
    yours, right = re.search("yours is (.*), right is (.*)", found.place).groups()
    assert yours != right


def raising(error):
    def function(dy, y):
        raise error

    return function


class Silent(Exception):
    def __str__(self):
        raise RuntimeError("no words")


def test_whatever_an_error_says_is_shown_on_one_line_without_effect():
    def fault(error):
        return verdict("softmax_backward", raising(error)).fault.split("\n")[0]

    assert fault(ValueError("[/red] \x1b[31mred\x07 \ud800 \u202e")) == (
        r"it raises ValueError: [/red] \x1b[31mred\x07 \ud800 \u202e"
    )
    assert fault(Silent()) == (
        "it raises Silent: (its message cannot be shown, because its __str__ fails)"
    )
    assert fault(ValueError("x" * 100_000)).endswith("... (100,012 characters)")
    assert len(fault(ValueError("x\n" * 100_000))) < 300
    assert fault(GeneratorExit()) == "it raises GeneratorExit"


def test_the_projection_s_gradients_are_drawn_in_the_shapes_of_its_docstring():
    for case in EXERCISES["qkv_projection_backward"].draw(np.random.default_rng(0)):
        D = case.arguments["x"].shape[-1]
        assert case.arguments["dQ"].shape[-1] == D
        assert case.arguments["W"].shape == (D, 3 * D)


def test_the_template_has_equations_hints_and_the_fields_of_saved_values():
    text = stubs("mine.py")
    assert r"y_i = \frac{e^{x_i}}{\sum_j e^{x_j}}" in text
    assert text.count(".hint(1), hint(2), hint(3)") == len(EXERCISES)
    assert not re.search(r":\w+:`|^ *\.\. |``", text, re.M)
    assert max(map(len, text.splitlines())) <= 100
    for name in CrossEntropySaved._fields:
        assert f"saved.{name} : " in text
    for exercise in EXERCISES.values():
        if exercise.forward and equation(exercise.twin):  # that would be the solution
            shown = re.sub(r"^ +", "", stub(exercise), flags=re.M)
            assert equation(exercise.forward) in shown
            assert equation(exercise.twin) not in shown


def test_the_template_and_the_help_are_complete_without_docstrings():
    code = (
        "from minitransformer.exercises.submissions.stubs import stubs; "
        "import sys; sys.stdout.write(stubs('mine.py'))"
    )
    result = subprocess.run(
        [sys.executable, "-OO", "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout == stubs("mine.py")


@pytest.mark.parametrize("columns", ["80", "20"])
def test_progress_shows_every_name_and_state_however_narrow(columns, tmp_path, call, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    path = tmp_path / "mine.py"
    path.write_text("def softmax(x):\n    raise ValueError('[/red] ' + 'word ' * 30)\n")
    status, shown, _ = call("exercises", path)
    assert status == 0
    together = re.sub(r"\s", "", shown)
    assert "wrongsoftmaxitraisesValueError:[/red]word" in together
    for name in EXERCISES:
        assert name in together
    assert together.count("notwritten") == len(EXERCISES) - 1
    assert max(map(len, shown.splitlines())) <= int(columns)


def rows(x):
    return x.reshape(-1, x.shape[-1])


def keras_norm(x, gamma, beta, epsilon=1e-3):
    return EXERCISES["layer_norm"].twin(x, gamma, beta, epsilon)


def in_float32(dy, y):
    return EXERCISES["softmax_backward"].twin(dy.astype("f4"), y).astype(y.dtype)


def padding_is_0(dy, ids, n_rows):
    dW = EXERCISES["embedding_backward"].twin(dy, ids, n_rows)
    dW[0] = 0
    return dW


def decay_last(theta, g, m, v, t, lr, beta1, beta2, eps, weight_decay):
    twin = EXERCISES["adamw_step"].twin
    theta, m, v = twin(theta, g, m, v, t, lr, beta1, beta2, eps, 0.0)
    return theta * (1 - lr * weight_decay), m, v


def exchanged(dO, Q, K, V, P):
    dQ, dK, dV = EXERCISES["attention_backward"].twin(dO, Q, K, V, P)
    return dK, dQ, dV


@pytest.mark.parametrize(
    ("name", "words", "function"),
    [
        ("layer_norm", "the default of epsilon must be 1e-05, got 0.001", keras_norm),
        ("softmax_backward", "computed in float32", in_float32),
        ("softmax", "sigmoid", lambda x: 1 / (1 + np.exp(-x))),
        ("softmax", "base 2", lambda x: 2**x / (2**x).sum(-1, keepdims=True)),
        ("softmax", "keepdims=True", lambda x: np.exp(x) / np.exp(x).sum(-1)),
        (
            "softmax_backward", "applied to y",
            lambda dy, y: EXERCISES["softmax_backward"].twin(dy, softmax(y)),
        ),
        (
            "softmax_backward", "dy and y are exchanged among the parameters",
            lambda y, dy: EXERCISES["softmax_backward"].twin(dy, y),
        ),
        ("embedding_backward", "row 0 gets no gradient", padding_is_0),
        ("adamw_step", "decay after the step", decay_last),
        ("linear", "W is transposed", lambda x, W, b=None: x @ W.T + (0 if b is None else b)),
        (
            "linear_backward", "instead of its transpose",
            lambda dy, x, W: (dy @ W, rows(x).T @ rows(dy), rows(dy).sum(0)),
        ),
        ("attention_backward", "dQ and dK are exchanged: the order is dQ, dK, dV", exchanged),
        (
            "layer_norm_backward", "a dict without dgamma, dbeta",
            lambda dy, xhat, rstd, gamma: {"dx": dy},
        ),
    ],
)  # fmt: skip
def test_typical_mistakes_are_named(name, words, function):
    found = verdict(name, function)
    assert found.state == WRONG
    assert words in found.fault
    assert "no known pattern" not in str(found)
