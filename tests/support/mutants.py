"""Plants every small fault in every backward pass, and checks that the gradient tests detect it.

    python -m tests.support.mutants [--only NAME]

prints each mutant and what caught it. The exit status is 1 if a mutant survives that is not listed
as equivalent in `tests/support/equivalent_mutants.py`, or if that list names one that no longer
exists.
"""

import argparse
import ast
import contextlib
import functools
import importlib
import inspect
import pkgutil
import sys
import warnings
from typing import Any, NamedTuple

import numpy as np

from minitransformer import backend, functional, gradcheck
from minitransformer.functional import PAIRS
from tests.support import laws, mutated_layers
from tests.support.equivalent_mutants import EQUIVALENT
from tests.support.extremes import TABLE
from tests.support.mutations import mutants_of, tree_of

TRIALS = 30  # random shapes that a mutant has to survive, in addition to every edge


class Mutant(NamedTuple):
    """One planted fault."""

    function: Any
    change: str
    tree: ast.FunctionDef

    @property
    def name(self):
        return self.function.__qualname__

    @property
    def reason(self):
        """Why it is equivalent, or None."""
        return EQUIVALENT.get((self.name, self.change))


@functools.cache
def functions():
    """Every function of the package's equations and of the backend, undecorated."""
    found = pkgutil.walk_packages(functional.__path__, "minitransformer.functional.")
    modules = [importlib.import_module(module.name) for module in found]
    return frozenset(
        inspect.unwrap(value)
        for module in (backend, *modules)
        for value in vars(module).values()
        if inspect.isfunction(value) and value.__module__ == module.__name__
    )


@functools.cache
def called(function):
    """The functions of the package that a function mentions."""
    mentioned = {n.id for n in ast.walk(tree_of(function)) if isinstance(n, ast.Name)}
    values = (function.__globals__.get(name) for name in mentioned)
    return frozenset(map(inspect.unwrap, filter(inspect.isfunction, values))) & functions()


@functools.cache
def reached(function):
    """A function, and all functions that it calls, directly or indirectly."""
    found, todo = set(), [function]
    while todo:
        current = todo.pop()
        if current not in found:
            found.add(current)
            todo += called(current)
    return frozenset(found)


def targets():
    """The functions to mutate: backward passes, and helpers that only they use or just rename."""
    backward = {f for f in functions() if f.__name__.endswith("_backward")}
    forward = {inspect.unwrap(pair.forward) for pair in PAIRS.values()}
    shared = set().union(*map(reached, forward))
    used = set().union(*map(reached, backward))
    thin = {f for f in backward if len(tree_of(f).body) == 1 and len(called(f)) == 1}
    renamed = set().union(*map(called, thin))
    equations = backward | (used - shared) | renamed
    return sorted(equations | mutated_layers.methods(), key=lambda f: f.__qualname__)


@functools.cache
def killers(function):
    """The pairs whose backward pass uses a function."""
    return [
        (name, pair)
        for name, pair in PAIRS.items()
        if function in reached(inspect.unwrap(pair.backward))
    ]


@functools.cache
def all_mutants(only=None):
    """Every mutant of every target."""
    return tuple(
        Mutant(function, change, tree)
        for function in targets()
        if only is None or only in function.__qualname__
        for change, tree in mutants_of(tree_of(function))
    )


@contextlib.contextmanager
def planted(mutant):
    """Replace the function's code by the mutant's, for all who hold a reference to the function."""
    function = mutant.function
    namespace = dict(function.__globals__)
    module = ast.Module([mutant.tree], type_ignores=[])
    exec(compile(ast.fix_missing_locations(module), "<mutant>", "exec"), namespace)  # noqa: S102
    kept = function.__code__, function.__defaults__, function.__kwdefaults__
    changed = namespace[mutant.tree.name]
    try:
        function.__code__ = changed.__code__
        yield
    finally:
        function.__code__, function.__defaults__, function.__kwdefaults__ = kept


def fate(mutant):
    """What caught the mutant, or None if it survived everything."""
    with warnings.catch_warnings(), np.errstate(all="ignore"), planted(mutant):
        warnings.simplefilter("ignore")
        if mutant.function in mutated_layers.methods():
            return mutated_layers.seen(mutant.function)
        for name, pair in killers(mutant.function):
            words = _gradient_sees(name, pair) or _laws_see(name, pair)
            if words:
                return words
    return None


def _cases(pair):
    """Random generators and sizes: the edges and some random shapes."""
    for i, sizes in enumerate(({}, {}, *pair.edges, *[{}] * (TRIALS - 2))):
        yield np.random.default_rng([11, i]), sizes


def _gradient_sees(name, pair):
    for i, (rng, sizes) in enumerate(_cases(pair)):
        try:
            report = gradcheck.check(
                pair.forward,
                pair.backward,
                pair.example(rng, **sizes),
                wrt=pair.wrt,
                saved=pair.saved,
                upstream=pair.upstream,
                analytic=pair.analytic,
                rng=rng,
                entries=0,
                diagnose=False,
            )
        except Exception as error:  # a mutant may fail in any way
            return f"{name}, shape {i}: {type(error).__name__}"
        if not report.ok:
            return f"{name}, shape {i}: wrong gradient of {report.failed[0].name}"
    return None


def _laws_see(name, pair):
    for rng, sizes in _cases(pair):
        for law in laws.LAWS:
            try:
                law(pair, pair.example(rng, **sizes), rng)
            except Exception as error:  # as above; an AssertionError when the law is broken
                return f"{name}, {law.__name__}: {type(error).__name__}"
    for extreme in TABLE[name]:
        rng = np.random.default_rng(12)
        try:
            laws.survives(pair, extreme, pair.example(rng), rng)
        except Exception as error:
            return f"{name}, extreme {extreme.name}: {type(error).__name__}"
    return None


def baseline():
    """Which tests of the pairs fail on the code as it is. If any do, no fate means anything."""
    seen = (_gradient_sees(name, pair) or _laws_see(name, pair) for name, pair in PAIRS.items())
    return [words for words in seen if words]


def main(arguments=None):
    """Print every mutant and its fate; 1 if one survives unlisted or the list is out of date."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", help="part of the name of the functions to mutate")
    only = parser.parse_args(arguments).only
    if wrong := baseline() + mutated_layers.baseline():
        print("the tests fail without any mutant:", *wrong, sep="\n")
        return 1
    mutants = all_mutants(only)
    survivors = []
    for mutant in mutants:
        words = fate(mutant)
        if words is None and mutant.reason is None:
            survivors.append(mutant)
        shown = words or (f"equivalent: {mutant.reason}" if mutant.reason else "SURVIVES")
        print(f"{mutant.name}: {mutant.change}\n    {shown}")
    stale = [] if only else set(EQUIVALENT) - {(m.name, m.change) for m in mutants}
    for name, change in stale:
        print(f"{name}: {change}\n    listed as equivalent, but no such mutant exists")
    listed = sum(mutant.reason is not None for mutant in mutants)
    print(f"{len(mutants)} mutants, {len(survivors)} survive unlisted, {listed} equivalent")
    return 1 if survivors or stale else 0


if __name__ == "__main__":
    sys.exit(main())
