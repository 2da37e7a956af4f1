"""Runs without the command line: the example in the package's docstring, and its output."""

import doctest

from minitransformer import runs


def test_the_example_of_the_package_is_true(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = doctest.testmod(runs)
    assert (result.attempted, result.failed) == (8, 0)


def test_runs_print_nothing_unless_asked(trained, capfd):
    folder = runs.RunFolder.open(trained[0])
    lines = []
    results = runs.evaluate(folder, on_progress=lines.append)
    assert runs.evaluate(folder) == results
    assert capfd.readouterr().out == ""
    assert f"test accuracy: {results['test accuracy']:.3f}" in lines
