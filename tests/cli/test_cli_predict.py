"""`predict` and `translate` line by line, and what `predict` says about the words of a text."""

import io
import json
import re

import numpy as np
import pytest

from minitransformer import interpret
from minitransformer.cli.predict import fitting, remarks
from minitransformer.cli.standard_input import given_prompt, given_texts
from minitransformer.runs import Prediction, RunFolder, explain

TRICKY = "A dull\u2028film\n\nA great\x0ccast\x85 indeed\r\n \t \nA decent plot"


@pytest.fixture
def typed(monkeypatch):
    """Put text or bytes on standard input, as a terminal with that encoding would."""

    def put(text, encoding="utf-8", errors="strict"):
        content = text if isinstance(text, bytes) else text.encode()
        file = io.TextIOWrapper(io.BytesIO(content), encoding, errors)
        monkeypatch.setattr("sys.stdin", file)

    return put


def test_only_a_newline_ends_a_line(typed):
    typed("\ufeff" + TRICKY + "\n")
    assert given_texts(None, "text") == [
        "A dull\u2028film", "", "A great\x0ccast\x85 indeed", " \t ", "A decent plot"
    ]  # fmt: skip
    typed("one\rtwo\n")
    assert given_texts(None, "text") == ["one\rtwo"]


@pytest.mark.parametrize("content", ["", "\n", " \n\r\n"])
def test_nothing_but_blank_lines(typed, content):
    typed(content)
    with pytest.raises(ValueError, match="no text: give texts as arguments, or one per line"):
        given_texts(None, "text")


@pytest.mark.parametrize(
    ("encoding", "errors"),
    [("utf-8", "surrogateescape"), ("utf-8", "strict"), ("latin-1", "strict"), ("ascii", "ignore")],
)
@pytest.mark.parametrize("read", [lambda: given_texts([], "text"), lambda: given_prompt("-")])
def test_standard_input_is_utf8_in_every_locale(typed, encoding, errors, read):
    typed("le café\n", encoding, errors)
    assert read() in ("le café", ["le café"])
    for content, place in ((b"le caf\xe9", "0xe9 at byte 6"), (b"\xff\xfea\0", "0xff at byte 0"),
                           (b"a\n\xed\xb3\xa9", "0xed at byte 2")):  # fmt: skip
        typed(content, encoding, errors)
        with pytest.raises(ValueError, match=f"must be UTF-8 text, got {place}; iconv"):
            read()


def test_arguments_that_are_not_text():
    with pytest.raises(ValueError, match=r"text 2 must be UTF-8 text, got 'caf\\udce9'"):
        given_texts(["good", "caf\udce9"], "text")
    with pytest.raises(ValueError, match="the prompt must be UTF-8 text"):
        given_prompt("caf\udce9")


def test_a_dash_is_standard_input(typed):
    typed("one\ntwo\n")
    assert given_texts(["-"], "text") == ["one", "two"]
    assert given_texts(["-", "a"], "text") == ["-", "a"]
    for argument in (None, "-"):
        typed("one\ntwo \r\n")
        assert given_prompt(argument) == "one\ntwo "
    typed("\n")
    with pytest.raises(ValueError, match="the prompt is empty"):
        given_prompt("-")


def test_standard_input_may_be_closed(monkeypatch):
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(ValueError, match="no prompt: give it as an argument, or on standard input"):
        given_prompt(None)
    with pytest.raises(ValueError, match="no text: give texts as arguments, or one per line"):
        given_texts(None, "text")


def test_a_blank_line_gives_a_blank_line(call, trained, typed):
    typed(TRICKY)
    code, out, _ = call("predict", trained[0], "--no-explain")
    lines = out.split("\n")
    assert code == 0
    assert [bool(line) for line in lines] == [True, False, True, False, True, False]
    assert lines[2].endswith("A great cast indeed")
    typed(TRICKY)
    _, out, _ = call("predict", trained[0], "--json", "--no-explain")
    found = [json.loads(line) for line in out.split("\n")[:-1]]
    assert [line and line["text"] for line in found] == [
        "A dull\u2028film", None, "A great\x0ccast\x85 indeed", None, "A decent plot"
    ]  # fmt: skip
    assert "words" not in found[0]


def test_the_contributions_are_those_of_integrated_gradients(trained):
    folder = RunFolder.open(trained[0])
    model = folder.load_model()
    (found,) = explain(folder, model, ["A dull film"])
    ids = folder.tokenizer.encode("A dull film")[None]
    logits, cache = model.forward(ids)
    label = [int(logits[0].argmax())]
    exact = interpret.integrated_gradients(model, cache, label, steps=256).tokens[0]
    assert np.abs(found.contributions - exact).sum() <= 0.02 * np.abs(exact).sum()
    assert found.complete
    model.embedding.W.value[:] = 0  # no words
    change = interpret.lead(logits, label) - interpret.lead(model.forward(ids)[0], label)
    assert found.contributions.sum() - found.gap == pytest.approx(change[0], abs=1e-5)


def test_a_text_without_words_is_named(call, trained, typed):
    typed("A dull film\n\n\u200b\n")
    code, out, err = call("predict", trained[0])
    assert (code, out) == (2, "")
    assert r"text 3 has no word and no punctuation mark: '\u200b'" in err


def made_up(contributions, gap=0.0, unknown=(), words=4, label="good"):
    return Prediction(
        "w " * 4, np.array([0.1, 0.9]), ("bad", label), unknown, words, tuple("wxyz"),
        np.full(4, 0.25), np.array(contributions), gap,
    )  # fmt: skip


def test_contributions_that_do_not_add_up_are_marked():
    lines = list(remarks(made_up([1.0, 2.0, -3.0, 0.5])))
    assert lines[0] == "  + for, - against:  y -3.00  x +2.00  w +1.00  z +0.50  all words +0.50"
    assert not any("warning" in line for line in lines)
    lines = list(remarks(made_up([1.0, 2.0, -3.0, 0.5], gap=0.25)))
    assert lines[1] == "  warning: together they should be +0.25: do not trust them"


def test_unknown_words_are_warned_about(call, trained):
    _, out, _ = call("predict", trained[0], "Xyzzy, blorb!", "A xyzzy blorb quux.", "A dull film")
    assert out.count("warning") == 2
    assert "warning: the model knows no word of this text, so its answer means nothing" in out
    assert "warning: the model does not know 3 of 4 words of this text" in out
    found = json.loads(call("predict", trained[0], "A Xyzzy film", "--json")[1])
    assert found["unknown"] == ["xyzzy"]
    assert all("warning" not in line for line in remarks(made_up([1.0] * 4, unknown=("w",))))


def test_lines_fit_eighty_columns():
    words = [f"{'long' * 4}{i} +1.00" for i in range(5)]
    line = fitting("  name:", words, "all words +5.00")
    assert len(line) <= 80
    assert re.search(r"long1 \+1.00  all words \+5.00$", line)
    assert "漢" * 60 in fitting("  name:", ["漢" * 60, "b"])


def test_translate_gives_a_line_for_each_line(call, typed, tmp_path):
    small = "--d-model 8 --n-heads 2 --d-ff 8 --n-layers 1 --workers 1 --steps 2".split()
    strings = "--strings 200 --longest 5 --max-len 8 --batch-size 16".split()
    assert call("train", "--task", "copy", *small, *strings, "--out", tmp_path / "r")[0] == 0
    for arguments in ((), ("--beams", 2)):
        typed("abc\n\nzz\n")
        code, out, _ = call("translate", tmp_path / "r", *arguments)
        assert (code, out.count("\n")) == (0, 3)
        assert out.split("\n")[1] == ""


def test_a_text_that_is_the_name_of_a_file_is_named(call, trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good films.txt").write_text("A great film\n")
    (tmp_path / "a.csv").write_text("review,stars\n")
    code, out, err = call("predict", trained[0], "good films.txt", "A film", "--json")
    assert code == 0
    assert len(out.splitlines()) == 2
    assert err == (
        "warning: 'good films.txt' is a file, but its name is classified as a text; to classify "
        "the lines of the file, use predict RUN < 'good films.txt'\n"
    )
    _, _, err = call("predict", trained[0], "a.csv", "no.csv", "--json", "--no-explain")
    assert err.count("warning") == 1
    assert "to score a table, use evaluate RUN --data; to classify its texts, write them" in err
    assert call("predict", trained[0], "a film " * 1000, "--json", "--no-explain")[2] == ""
