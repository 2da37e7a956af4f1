"""The copy and reverse tasks: right answers, and no held-out string in any training data."""

import os
import string
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitransformer.data import copy_task, is_held_out, reverse_task


@given(st.integers(0, 1000), st.booleans())
def test_the_answers_are_right(seed, held_out):
    for source, target in copy_task(seed, 20, held_out=held_out):
        assert source == target
    for source, target in reverse_task(seed, 20, held_out=held_out):
        assert target == "".join(reversed(source))
        assert 1 <= len(source) <= 20
        assert set(source) <= set(string.ascii_lowercase)
        assert is_held_out(source) == held_out


def test_training_never_sees_a_held_out_string():
    held_out = {source for source, _ in reverse_task(0, 500, held_out=True)}
    assert len(held_out) == 500  # no string twice
    for step in range(30):
        for task in (copy_task, reverse_task):
            assert not held_out & {source for source, _ in task([1, step], 500)}


def test_refused_strings_are_counted_only_in_a_row():
    """In total, more strings are refused here than are allowed in a row."""
    assert len(reverse_task(0, 1000, held_out=True)) == 1000


def test_short_strings_are_divided_too():
    """With only 26 strings of one letter, random draws alone would put test strings in training."""
    trained = {source for source, _ in copy_task(0, 2000, max_length=1)}
    kept = {source for source, _ in copy_task(0, 3, held_out=True, max_length=1)}
    assert trained | kept == set(string.ascii_lowercase)
    assert not trained & kept


def test_one_string_in_sixteen_is_held_out():
    share = sum(map(is_held_out, map(str, range(20_000)))) / 20_000
    assert abs(share - 1 / 16) < 4 * (1 / 16 / 20_000) ** 0.5


def test_lengths_and_letters_are_drawn_evenly():
    sources = [source for source, _ in copy_task(3, 20_000)]
    lengths, letters = Counter(map(len, sources)), Counter("".join(sources))
    assert set(lengths) == set(range(1, 21))
    assert min(lengths.values()) > 850
    assert len(letters) == 26
    assert min(letters.values()) > 0.95 * max(letters.values())


def test_the_seed_decides_everywhere():
    call = "from minitransformer.data import *; print(reverse_task([5, 1], 3), copy_task(9, 2))"
    found = {
        subprocess.run(
            [sys.executable, "-c", call],
            env=os.environ | {"PYTHONHASHSEED": seed},
            cwd=Path(__file__).parents[2],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in "12"
    }
    assert found == {f"{reverse_task([5, 1], 3)} {copy_task(9, 2)}\n"}
    assert reverse_task(1, 5) != reverse_task(2, 5)
    assert copy_task(0, 0) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": -1}, "n must be >= 0, got -1"),
        ({"n": 2.0}, "n must be a whole number >= 0, got 2.0"),
        ({"min_length": 0}, "min_length must be >= 1"),
        ({"min_length": 5, "max_length": 4}, "max_length must be >= 5, got 4"),
        ({"max_length": True}, "max_length must be a whole number"),
        ({"alphabet": "a"}, "two or more different letters"),
        ({"alphabet": "aab"}, "different letters"),
        ({"alphabet": ["a", "b"]}, "alphabet must be a string, got list"),
        (
            {"held_out": True, "n": 27, "max_length": 1},
            "only 3 held-out strings of length 1",
        ),
    ],
)
def test_what_cannot_be_drawn(options, message):
    for task in (copy_task, reverse_task):
        with pytest.raises((TypeError, ValueError), match=message):
            task(0, **{"n": 5} | options)


def test_no_letters_of_another_kind_are_lost():
    sources = [source for source, _ in copy_task(0, 50, alphabet="\x00a", min_length=3)]
    assert all(3 <= len(source) <= 20 for source in sources)
