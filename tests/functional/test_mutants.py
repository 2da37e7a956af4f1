"""A sample of the mutants: planted faults in the backward passes, which the tests must see.

All of them: ``python -m tests.support.mutants``.
"""

import ast
import random
from inspect import unwrap

import numpy as np

from minitransformer import layers
from minitransformer.functional import PAIRS, softmax_backward
from minitransformer.models import GPT, Transformer, TransformerClassifier
from tests.support import mutants
from tests.support.equivalent_mutants import EQUIVALENT
from tests.support.mutations import mutants_of, normal

SAMPLE = 100
SEED = 20


def changes(source):
    return [change for change, _ in mutants_of(ast.parse(source).body[0])]


def test_a_sample_of_mutants_is_caught():
    everything = mutants.all_mutants()
    assert len(everything) >= 900
    sample = random.Random(SEED).sample(everything, SAMPLE)
    survivors = [
        (mutant.name, mutant.change)
        for mutant in sample
        if mutant.reason is None and mutants.fate(mutant) is None
    ]
    assert survivors == []


def test_every_backward_pass_is_mutated():
    everything = mutants.all_mutants()
    functions = {mutant.function for mutant in everything}
    assert {unwrap(pair.backward) for pair in PAIRS.values()} <= functions
    mutated = {mutant.name for mutant in everything}
    assert len(mutated) == len(functions)
    assert {"sum_groups", "sum_rows_by_id", "merge_heads"} <= mutated
    assert {"ResidualBlock._pre_norm_backward", "Attention._attend_backward"} <= mutated
    assert {"TransformerClassifier._pool_backward", "SequenceModel._embed_backward"} <= mutated
    assert {"GroupedQueryAttention._project_backward", "Transformer.encode_backward"} <= mutated
    offered = [layer for layer in vars(layers).values() if isinstance(layer, type)]
    for layer in (*offered, TransformerClassifier, GPT, Transformer):
        if issubclass(layer, layers.Layer) and layer is not layers.Layer:
            assert any(f"{cls.__name__}.backward" in mutated for cls in layer.__mro__)


def test_the_list_of_equivalent_mutants_is_not_stale():
    existing = {(mutant.name, mutant.change) for mutant in mutants.all_mutants()}
    assert set(EQUIVALENT) <= existing


def test_the_tests_hold_nothing_against_the_code_as_it_is():
    """The pairs; the ledger's tests check the layers and models as they are."""
    assert mutants.baseline() == []


def test_a_mutant_is_planted_and_removed():
    rng = np.random.default_rng(0)
    dy, y = rng.standard_normal((2, 3, 4))
    right = softmax_backward(dy, y)
    mutant = next(m for m in mutants.all_mutants() if m.function is unwrap(softmax_backward))
    with mutants.planted(mutant):
        assert not np.allclose(softmax_backward(dy, y), right)
    np.testing.assert_array_equal(softmax_backward(dy, y), right)


def test_every_kind_of_fault_is_planted():
    found = changes(
        "def f_backward(dy, x, W):\n"
        "    '''Words that are not mutated: 1 + 1.'''\n"
        "    array_module(dy=dy, x=x)\n"
        "    if x.ndim < 1:\n"
        "        raise ValueError(1)\n"
        "    x = x - 2\n"
        "    dx = (dy @ W.T).sum(axis=-1, keepdims=True)\n"
        "    dx -= xp.where(x > 0, dx, dy)\n"
        "    return dx, -x[1:]\n"
    )
    for new in (
        "x = x + 2",
        "x = 2 - x",
        "x = x",
        "x = x - 3",
        "x = x - 4",
        "x = x - 0",
        "pass",
        "dx = (dy @ W).sum(axis=-1, keepdims=True)",
        "dx = dy.sum(axis=-1, keepdims=True)",
        "dx = (W.T @ dy).sum(axis=-1, keepdims=True)",
        "dx = (dy @ W.T).mean(axis=-1, keepdims=True)",
        "dx = (dy @ W.T).sum(axis=1, keepdims=True)",
        "dx = (dy @ W.T).sum(axis=-0, keepdims=True)",
        "dx = (dy @ W.T).sum(keepdims=True)",
        "dx = (dy @ W.T).sum(axis=-1)",
        "dx = (dy @ W.T).sum(axis=-1, keepdims=False)",
        "dx = dy @ W.T",
        "dx += xp.where(x > 0, dx, dy)",
        "dx = xp.where(x > 0, dx, dy)",
        "dx -= xp.where(x >= 0, dx, dy)",
        "dx -= xp.where(x > 0, dy, dx)",
        "return (-x[1:], dx)",
        "return (-dx, -x[1:])",
        "return (dx, --x[1:])",
        "return (dx, -x[:])",
    ):
        assert any(change.endswith(f"->  {new}") for change in found), new
    assert not any("raise" in change or "array_module" in change for change in found)
    assert len(set(found)) == len(found)


def test_what_means_the_same_has_one_form():
    same = [("a + b", "b + a"), ("a * (c + b)", "(b + c) * a"), ("--a", "a")]
    for one, other in same:
        assert normal(ast.parse(one)) == normal(ast.parse(other))
    assert normal(ast.parse("a - b")) != normal(ast.parse("b - a"))
