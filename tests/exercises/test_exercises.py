"""The checks of the exercises: right and wrong functions are recognised, and faults are named."""

import inspect
import json
import re
from pathlib import Path

import numpy as np
import pytest

from minitransformer.exercises import EXERCISES, NOT_WRITTEN, RIGHT, WRONG, check, judge
from minitransformer.exercises.calls import expected
from minitransformer.exercises.catalogue.optimiser_steps import adamw_step, sgd_momentum_step
from minitransformer.functional import PAIRS
from minitransformer.training.optim import optimizers
from tests.support import wrong_solutions
from tests.support.exercise_figures import called_wrong, misnamed, solution

ROOT = Path(__file__).parents[2]
each = pytest.mark.parametrize("exercise", EXERCISES.values(), ids=list(EXERCISES))


def test_every_pair_has_an_exercise():
    backwards = {exercise.twin for exercise in EXERCISES.values()}
    missing = {
        name for name, pair in PAIRS.items()
        if pair.backward not in backwards and name != "gelu_tanh"
    }  # fmt: skip
    assert not missing
    assert EXERCISES["gelu_tanh_backward"].wrt == PAIRS["gelu_tanh"].wrt
    assert len(EXERCISES) >= 30


def test_wrong_solutions_get_the_right_diagnosis():
    """There are at least 120 wrong solutions, and at least 95 % of their faults are named."""
    counts = {name: len(cases) for name, cases in wrong_solutions.WRONG.items()}
    assert set(counts) == set(EXERCISES)
    assert min(counts.values()) >= 4
    assert sum(counts.values()) >= 120
    missed = misnamed()
    assert not [verdict for _, _, verdict in missed if verdict.state != WRONG]
    shown = [(name, words, verdict.fault) for name, words, verdict in missed]
    assert len(missed) <= 0.05 * sum(counts.values()), shown


@each
def test_a_right_solution_is_never_called_wrong(exercise):
    """Neither the package's function nor the page's; ``exercise_figures`` tries 1,000 inputs."""
    found, tried = called_wrong(exercise.name, 60)
    assert tried >= 60
    assert not found, str(found[0])


@each
def test_the_terms_of_a_result_add_up_to_it(exercise):
    if exercise.parts is None:
        return
    for case in exercise.draw(np.random.default_rng(0)):
        if case.label in ("B = 3", "a later step"):
            results = dict(zip(exercise.results, expected(exercise, case), strict=False))
            for name, terms in exercise.parts(case.names).items():
                np.testing.assert_allclose(sum(terms.values()), results[name], atol=1e-12)


@each
def test_every_mistake_is_one(exercise):
    """A listed mistake can be made in some case, and its result there is not the right one."""
    cases = [case for case in exercise.draw(np.random.default_rng(1)) if not case.limit]
    for words, compute in exercise.mistakes.items():
        differs = False
        for case in cases:
            right = dict(zip(exercise.results, expected(exercise, case), strict=False))
            try:
                with np.errstate(all="ignore"):
                    made = compute(case.names)
            except (ValueError, AttributeError, IndexError):
                continue
            made = made if isinstance(made, dict) else {exercise.results[0]: made}
            differs |= any(
                value is not None and not np.array_equal(value, right[name])
                for name, value in made.items()
                if name in right
            )
        assert differs, words


@each
def test_there_are_three_hints_and_a_page(exercise, capsys):
    mine = getattr(check, exercise.name)
    shown = set()
    for number in (1, 2, 3):
        mine.hint(number)
        shown.add(capsys.readouterr().out)
    assert len(shown) == 3
    assert f"{exercise.name}, hint 3 of 3" in "".join(shown)
    assert Path(mine.solution).exists()
    with pytest.raises(ValueError, match="number must be 1, 2 or 3, got 4"):
        mine.hint(4)


@each
def test_the_page_links_to_the_notebook_and_is_in_the_index(exercise):
    page = (ROOT / exercise.solution).read_text(encoding="utf-8")
    if (ROOT / "notebooks" / f"{exercise.notebook}.ipynb").exists():  # else there is no link yet
        assert f"notebooks/{exercise.notebook}.ipynb" in page
    assert f"[{exercise.name}]({exercise.name}.md)" in (ROOT / "docs/solutions/index.md").read_text(
        encoding="utf-8"
    )
    assert judge(exercise, solution(exercise.name)).state == RIGHT


def test_a_check_prints_what_it_returns(capsys):
    verdict = check.softmax_backward(EXERCISES["softmax_backward"].twin)
    assert verdict.ok
    assert capsys.readouterr().out == f"{verdict}\n"
    assert "right   B = 1, B = 3" in str(verdict)


def test_an_unwritten_function_is_not_an_error(capsys):
    def softmax(x):
        raise NotImplementedError

    verdict = check.softmax(softmax)
    assert (verdict.ok, verdict.state) == (False, NOT_WRITTEN)
    assert capsys.readouterr().out == "softmax: not written yet\n"


def test_a_name_that_does_not_exist_gets_a_suggestion():
    with pytest.raises(AttributeError, match="did you mean softmax_backward"):
        check.softmax_backwards  # noqa: B018
    assert "softmax" in dir(check)


def fault(name, function):
    return judge(EXERCISES[name], function).fault


def raises(dy, y):
    scale = y / "two"
    return scale


CONTRACT = {
    "returns None": lambda dy, y: None,
    "3 results in a tuple; one is expected": lambda dy, y: (dy, y, y),
    r"shape \(1, 5\); it should be \(1, 5, 7\): axis 2 is gone": lambda dy, y: dy.sum(axis=-1),
    "axes are in another order": lambda dy, y: dy.swapaxes(1, 2),
    r"it raises (Type|UFuncNoLoop|_UFunc).*\n +in line \d+: scale = y / .two": raises,
    "it returns a list": lambda dy, y: list(dy),
    "is a str": lambda dy, y: "dx",
    "contains NaN": lambda dy, y: dy * np.nan,
    r"it raises SystemExit": lambda dy, y: exit(3),
    r"it raises RecursionError": lambda dy, y: fault.__globals__["again"](dy, y),
}


def again(dy, y):
    return again(dy, y)


@pytest.mark.parametrize(("words", "function"), CONTRACT.items())
def test_what_cannot_be_compared_is_described(words, function):
    assert re.search(words, fault("softmax_backward", function), re.DOTALL)


def test_a_float64_that_comes_out_of_float32_is_explained():
    words = fault(
        "softmax_backward", lambda dy, y: np.float64(1) * y * (dy - (y * dy).sum(-1, keepdims=True))
    )
    assert "it should be float32" in words
    assert "np.sqrt(64)" in words


def test_wrong_numbers_are_reported_before_a_wrong_dtype():
    assert "sum" in fault("softmax_backward", lambda dy, y: np.float64(1) * y * dy)


def test_no_function_at_all():
    verdict = judge(EXERCISES["softmax"], np.zeros(3))
    assert "must be a function, got ndarray" in verdict.fault


def test_options_that_a_function_does_not_take_are_not_tried_unless_they_are_the_point():
    def softmax(x):
        return EXERCISES["softmax"].twin(x)

    verdict = judge(EXERCISES["softmax"], softmax)
    assert verdict.ok
    assert verdict.untried == ("axis",)
    attention = EXERCISES["attention"].twin
    assert "has no parameter `mask`" in fault("attention", lambda Q, K, V: attention(Q, K, V))


@pytest.mark.parametrize("name", [n for n, e in EXERCISES.items() if len(e.results) > 1])
def test_all_results_of_the_template_are_required(name):
    exercise = EXERCISES[name]

    def first(*args, **kwargs):
        return exercise.twin(*args, **kwargs)[0]

    first.__signature__ = inspect.signature(exercise.twin)
    verdict = judge(exercise, first)
    assert verdict.state == WRONG
    assert "missing" in verdict.fault or "1 result; " in verdict.fault or exercise.judge


def test_the_issue_s_examples():
    def batch_twice(dloss, difference):
        return 2 * dloss * difference / difference.size / len(difference)

    assert fault("mean_squared_error_backward", batch_twice) == (
        "dy is right for B = 1, and B times too small for B = 3: is it divided by the batch size "
        "twice?"
    )
    zero = fault("softmax_backward", lambda dy, y: y - y * y.sum(axis=-1, keepdims=True))
    assert "the gradient of softmax(x).sum(), which is 0" in zero
    twin = EXERCISES["attention_backward"].twin

    def exchanged(dO, Q, K, V, P):
        dQ, dK, dV = twin(dO, Q, K, V, P)
        return (dK, dQ, dV) if dQ.shape == dK.shape else (dQ, dK, dV)

    assert fault("attention_backward", exchanged).startswith("dQ and dK are exchanged")


@pytest.mark.parametrize("step", [1, 7])
def test_adamw_is_the_package_s(step):
    rng = np.random.default_rng(step)
    theta, g, m = rng.standard_normal((3, 9))
    v = rng.random(9)
    optimizer = optimizers.AdamW(0.1, beta1=0.9, beta2=0.99, eps=1e-3, weight_decay=0.05)
    optimizer.load_state({"t": step - 1, "m": m, "v": v})
    moved = theta.copy()
    optimizer.step(moved, g)
    ours = adamw_step(theta, g, m, v, step, 0.1, 0.9, 0.99, 1e-3, 0.05)
    state = optimizer.state()
    for a, b in zip(ours, (moved, state["m"], state["v"]), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_momentum_is_the_package_s():
    theta, g, v = np.random.default_rng(0).standard_normal((3, 9))
    optimizer = optimizers.Momentum(0.1, 0.8)
    optimizer.load_state({"t": 1, "momentum": v})
    moved = theta.copy()
    optimizer.step(moved, g)
    ours = sgd_momentum_step(theta, g, v, 0.1, 0.8)
    for a, b in zip(ours, (moved, optimizer.state()["momentum"]), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_every_exercise_is_posed_in_its_notebook_and_nowhere_else():
    posed = {}
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        code = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code")
        for name in re.findall(r"^check\.(\w+)\(\w+\)", code, re.MULTILINE):
            posed.setdefault(name, []).append(path.stem)
    written = {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert posed == {
        name: [exercise.notebook]
        for name, exercise in EXERCISES.items()
        if exercise.notebook in written
    }


def test_a_renamed_option_is_passed_by_its_place():
    def linear(inputs, kernel, bias=None):
        return inputs @ kernel if bias is None else inputs @ kernel + bias

    def layer_norm(x, scale, shift, epsilon=1e-5):
        return EXERCISES["layer_norm"].twin(x, scale, shift, epsilon)

    def ignores_it(x, scale, shift, epsilon=1e-5):
        return EXERCISES["layer_norm"].twin(x, scale, shift)

    def softmax(x, temperature=1.0):
        return EXERCISES["softmax"].twin(x / temperature)

    def attention(q, k, v, attn_mask=None):
        return EXERCISES["attention"].twin(q, k, v, attn_mask)

    for function in (linear, layer_norm, attention):
        verdict = judge(EXERCISES[function.__name__], function)
        assert verdict.ok, verdict
    assert "eps is not used" in fault("layer_norm", ignores_it)
    assert judge(EXERCISES["softmax"], softmax).untried == ("axis",)


def test_a_parameter_that_is_not_passed_is_named():
    def linear(x, W, activation=1, bias=None):
        return x @ W if bias is None else x @ W + bias

    def attention(q, k, v, scale=1.0, attn_mask=None):
        return EXERCISES["attention"].twin(q, k, v, attn_mask)

    said = fault("linear", linear)
    assert said == "it has no parameter `b`; `activation` and `bias` are not passed"
    said = fault("attention", attention)
    assert "no parameter `mask`" in said
    assert "`attn_mask` are not passed" in said


def test_the_exercises_are_in_the_order_of_the_notebooks():
    order = []
    for path in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        for cell in cells:
            order += re.findall(r"^check\.(\w+)\(", "".join(cell["source"]), re.MULTILINE)
    assert list(EXERCISES) == order


def test_a_verdict_fits_the_terminal_and_output_is_shown_once(monkeypatch, capsys, tmp_path):
    def softmax(x):
        print("shape", x.shape)
        return np.ones((*x.shape, 2))

    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    check.softmax(softmax)
    shown = capsys.readouterr().out
    assert shown.count("shape (") == 1 + str(judge(EXERCISES["softmax"], softmax)).count("shape (")
    assert max(map(len, shown.split("\n"))) <= 80
    assert Path(check.softmax.solution).exists()
    assert "hint(1)" in check.softmax.__doc__
