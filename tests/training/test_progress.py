"""The progress of training, as shown in a terminal, in a notebook, and in a log file."""

import io
import re
import sys
import types

import pytest

from minitransformer.training import progress
from tests.support.toys import compiled, toy_data


def shown(capsys, **fit):
    x, y = toy_data(30)
    compiled().fit(x, y, epochs=2, validation_split=0.2, **fit)
    return capsys.readouterr().out.splitlines()


def test_verbose(capsys):
    assert shown(capsys, verbose=0) == []
    lines = shown(capsys, verbose=2)
    assert [line.split()[1] for line in lines] == ["1/2", "2/2"]
    assert re.search(r" loss \d\S+ \(val \d\S+\)  accuracy \d\S+ \(val \d\S+\)$", lines[0])
    assert max(map(len, lines)) <= 80
    assert [line.split()[1] for line in shown(capsys)] == ["1/2", "2/2"], "no terminal: plain lines"


def test_the_line_of_an_epoch_fits_its_columns(capsys, monkeypatch):
    logs = {"loss": 0.5, "accuracy": 0.25, "perplexity": 12345.5, "val_loss": 1.5}
    logs |= {"val_accuracy": 0.75, "val_perplexity": 2.0, "learning_rate": 1e-3, "seconds": 750}
    shown = progress.EpochLines()
    shown.start(epochs=200, steps=10)
    found = {}
    for columns in (20, 80, 100, 200):
        monkeypatch.setenv("COLUMNS", str(columns))
        shown.epoch(99, logs)
        found[columns] = capsys.readouterr().out.rstrip("\n")
        assert len(found[columns]) <= max(columns, 50)
    place = "epoch 100/200  12:30  "
    assert found[20] == place + "loss 0.5000 (val 1.5000)"
    assert found[80] == place + "loss 0.5000 (val 1.5000)  accuracy 0.2500 (val 0.7500)"
    assert found[100] == found[80] + "  learning_rate 0.001"
    assert found[200] == place + (
        "loss 0.5000  accuracy 0.2500  perplexity 12345.5000  val_loss 1.5000  "
        "val_accuracy 0.7500  val_perplexity 2.0000  learning_rate 0.001"
    )


def test_lines_for_a_log_file_come_every_ten_seconds(capsys, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    shown = progress.Lines()
    shown.start(epochs=2, steps=10)
    for batch in range(10):
        now[0] += 4.0
        shown.step(0, batch, {"loss": 0.5, "accuracy": 0.75})
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[0] == "epoch 1/2  step 3/10  1:08 left  loss 0.5000  accuracy 0.7500"
    assert [progress.clock(s) for s in (7, 750.4, 3725)] == ["0:07", "12:30", "1:02:05"]


def test_time_left_after_a_resume_counts_this_process_only(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    shown = progress.Progress()
    shown.start(epochs=1, steps=100, done=90)
    now[0] = 10.0
    shown.step(0, 94, {})
    assert shown.time_left() == pytest.approx(10.0 * 9)


def test_a_terminal_gets_a_bar(monkeypatch):
    screen = io.StringIO()
    screen.isatty = lambda: True
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(progress, "DRAW_INTERVAL", 0.0)
    assert type(progress.choose(1)) is progress.Terminal
    x, y = toy_data(30)
    compiled().fit(x, y, epochs=2)
    text = screen.getvalue()
    assert "epoch 1/2" in text
    assert "left" in text
    assert "loss" in text


def test_a_notebook_gets_one_output_that_is_rewritten(monkeypatch):
    outputs = []

    class Handle:
        def update(self, text):
            outputs[-1] = repr(text)

    def display(text, display_id):
        outputs.append(repr(text))
        return Handle()

    kernel = types.SimpleNamespace(kernel=True)
    ipython = types.SimpleNamespace(get_ipython=lambda: kernel)
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", types.SimpleNamespace(display=display))
    assert type(progress.choose(1)) is progress.Notebook
    x, y = toy_data(30)
    compiled().fit(x, y, epochs=2)
    assert len(outputs) == 1
    assert [line.split()[1] for line in outputs[0].splitlines()] == ["1/2", "2/2"]
