"""How often the exercises' checks are right: ``python -m tests.support.exercise_figures``.

It counts the wrong solutions whose fault is named, and the right solutions that are called wrong.
The right solutions of an exercise are the package's own function and the one on the solution's
page, each tried on at least 1,000 random inputs.
"""

import argparse
import re
from pathlib import Path

from minitransformer.exercises import EXERCISES, WRONG, judge
from tests.support import wrong_solutions

SOLUTIONS = Path(__file__).parents[2] / "docs" / "solutions"


def solution(name):
    """The function on the page of an exercise."""
    text = (SOLUTIONS / f"{name}.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    space = {}
    exec(compile(code, f"{name}.md", "exec"), space)  # noqa: S102 - our own page
    return space[name]


def misnamed():
    """(exercise, expected words, verdict) of each wrong solution whose fault is not named."""
    found = []
    for name, cases in wrong_solutions.WRONG.items():
        for words, function in cases:
            verdict = judge(EXERCISES[name], function)
            named = re.search(words, verdict.fault, re.DOTALL)
            if verdict.state != WRONG or not named:
                found.append((name, words, verdict))
    return found


def called_wrong(name, inputs):
    """The verdicts that call a right solution wrong, and how many inputs each one was tried on."""
    exercise, found, tried, seed = EXERCISES[name], [], 0, 0
    functions = exercise.twin, solution(name)
    while tried < inputs:
        verdicts = [judge(exercise, function, seed) for function in functions]
        found += [verdict for verdict in verdicts if not verdict.ok]
        tried += len(verdicts[0].right)
        seed += 1
    return found, tried


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--inputs", type=int, default=1000, help="random inputs per exercise")
    inputs = parser.parse_args().inputs
    total = sum(map(len, wrong_solutions.WRONG.values()))
    missed = misnamed()
    for name, words, verdict in missed:
        print(f"{name}: expected {words!r}, got {verdict.fault!r}")
    named = total - len(missed)
    print(f"wrong solutions whose fault is named: {named} of {total}, {100 * named / total:.1f} %")
    tried = wrong = 0
    for name in EXERCISES:
        found, n = called_wrong(name, inputs)
        tried, wrong = tried + 2 * n, wrong + len(found)
        for verdict in found[:1]:
            print(verdict)
    print(f"right solutions called wrong: {wrong}, on {tried:,} random inputs")


if __name__ == "__main__":
    main()
