"""`evaluate` with a table that is written differently from the one that a run was trained on."""

import pytest

from minitransformer.runs import evaluate, start
from tests.support.commands import assert_one_line

SMALL = {"workers": 1, "n_layers": 1, "d_model": 8, "n_heads": 2, "d_ff": 8}
ROWS = [(f"un {('mauvais', 'bon')[i % 2]} caf\u00e9 {i}", str(i % 2)) for i in range(40)]


def write(path, rows=ROWS, delimiter=",", encoding="utf-8", header=("text", "label")):
    lines = [*([header] if header else []), *rows]
    path.write_text("".join(delimiter.join(line) + "\n" for line in lines), encoding=encoding)
    return path


def begin(path, columns=("text", "label"), **table):
    """A run on a table, with weights that were never trained."""
    folder, _ = start(
        data=path, text_column=columns[0], label_column=columns[1], table=table,
        out=path.parent / "run", **SMALL,
    )  # fmt: skip
    folder.new_model().save(folder.weights)
    return folder


def seen(folder, path, **options):
    """How many texts of a file the run was trained on, and the lines of the evaluation."""
    lines = []
    found = evaluate(folder, data=path, on_progress=lines.append, **options)
    return found["trained on"], lines


def test_another_encoding_is_found(tmp_path):
    folder = begin(write(tmp_path / "a.csv", encoding="latin-1"), encoding="latin-1")
    count, lines = seen(folder, write(tmp_path / "b.csv"))
    assert count == 32
    assert "b.csv: the encoding is UTF-8 (in training, it was latin-1)" in lines
    count, lines = seen(folder, write(tmp_path / "c.csv", ROWS[:30], encoding="latin-1"))
    assert count == 24
    assert "c.csv: the encoding is not UTF-8, so it is read as latin-1, as in training" in lines
    assert seen(folder, write(tmp_path / "d.csv", encoding="utf-16"))[0] == 32
    ascii_rows = [(text.replace("\u00e9", "e"), label) for text, label in ROWS]
    assert not any(
        "encoding" in line for line in seen(folder, write(tmp_path / "e.csv", ascii_rows))[1]
    )


def test_utf_16_without_a_mark_is_read_as_in_training(tmp_path):
    ascii_rows = [(text.replace("\u00e9", "e"), label) for text, label in ROWS]
    folder = begin(
        write(tmp_path / "a.csv", ascii_rows, encoding="utf-16-le"), encoding="utf-16-le"
    )
    assert seen(folder, write(tmp_path / "b.csv", ascii_rows[:30], encoding="utf-16-le"))[0] == 24
    assert seen(folder, write(tmp_path / "c.csv", ascii_rows))[0] == 32


@pytest.mark.parametrize("other", [",", "|", "\t", ";"])
def test_another_delimiter_is_found(tmp_path, other):
    folder = begin(write(tmp_path / "a.csv", delimiter=";"), delimiter=";")
    assert seen(folder, write(tmp_path / "b.csv", ROWS[:30], delimiter=other))[0] == 24
    (tmp_path / "c.jsonl").write_text('{"text": "un bon", "label": 1}\n')
    assert seen(folder, tmp_path / "c.jsonl")[0] == 0
    path = write(tmp_path / "d.csv", [*ROWS, ('"open', "1")], delimiter=other)
    if other == "\t":  # where quotation marks have no meaning
        assert seen(folder, path)[0] == 32
    else:
        with pytest.raises(ValueError, match="line 42: the quotation that begins with '\"open"):
            seen(folder, path)


def test_an_unusual_delimiter_is_that_of_training(tmp_path):
    folder = begin(write(tmp_path / "a.csv", delimiter="^"), delimiter="^")
    assert seen(folder, write(tmp_path / "b.csv", ROWS[:30], delimiter="^"))[0] == 24
    assert seen(folder, write(tmp_path / "c.csv", delimiter=","))[0] == 32


def test_quotation_marks_as_in_training_if_they_must_be(tmp_path):
    rows = [(f'"{text}" he said', label) for text, label in ROWS]
    folder = begin(write(tmp_path / "a.csv", rows), quoting="none")
    assert seen(folder, write(tmp_path / "b.csv", rows[:30]))[0] == 24
    doubled = [(f'"""{text}"" he said"', label) for text, label in ROWS]
    assert seen(folder, write(tmp_path / "c.csv", doubled))[0] == 32


def test_a_header_is_found_or_asked_for(tmp_path):
    folder = begin(write(tmp_path / "a.csv", header=None), ("1", "2"), header=False)
    assert seen(folder, write(tmp_path / "b.tsv", ROWS[:30], "\t", header=None))[0] == 24
    named = write(tmp_path / "c.csv")
    with pytest.raises(ValueError, match="line 1: the label 'label' is not .*; if this line has "):
        seen(folder, named)
    columns = {"text_column": "text", "label_column": "label"}
    assert seen(folder, named, **columns)[0] == 32
    assert seen(folder, named, **columns, table={"header": True})[0] == 32
    assert seen(folder, write(tmp_path / "d.csv", header=("1", "2")))[0] == 32


def test_a_file_without_a_header_after_one_with_it(tmp_path, call):
    folder = begin(write(tmp_path / "a.csv"))
    bare = write(tmp_path / "b.csv", header=None)
    code, _, err = call("evaluate", folder.path, "--data", bare)
    assert code == 2
    assert_one_line(err)
    assert "--no-header and the columns' numbers" in err
    arguments = ["evaluate", folder.path, "--data", bare, "--no-header"]
    code, out, _ = call(*arguments, "--text-column", "1", "--label-column", "2")
    assert code == 0
    assert "32 of them were trained on" in out


def test_the_options_that_messages_name_exist(tmp_path, call):
    folder = begin(write(tmp_path / "a.csv"))
    cases = (
        ([*ROWS, ("", "1")], {}, ["--skip-empty"]),
        (ROWS, {"encoding": "latin-1"}, ["--encoding", "latin-1"]),
        ([*ROWS, ('"a" b', "1")], {}, ["--quoting", "none"]),
        (ROWS, {"delimiter": "^"}, ["--delimiter", "^"]),
        ([*ROWS, ("a<br>b", "1")], {}, ["--clean", "none"]),
    )
    for number, (rows, more, option) in enumerate(cases):
        path = write(tmp_path / f"{number}.csv", rows, **more)
        _, out, err = call("evaluate", folder.path, "--data", path)
        assert option[0] in out + err
        code, out, err = call("evaluate", folder.path, "--data", path, *option)
        assert code == 0, err
        assert option[0] not in out
        assert "32 of them were trained on" in out


def test_options_for_the_own_file_and_for_no_file(tmp_path, call):
    folder = begin(path := write(tmp_path / "a.csv"))
    path.write_text(path.read_text("utf-8") + ",1\n", "utf-8")
    assert "--skip-empty" in call("evaluate", folder.path)[2]
    code, out, _ = call("evaluate", folder.path, "--skip-empty")
    assert code == 0
    assert "rows left out, without a text or a label: 1" in out
    folder, _ = start(out=tmp_path / "reviews", **SMALL)
    folder.new_model().save(folder.weights)
    code, _, err = call("evaluate", folder.path, "--skip-empty")
    assert code == 2
    assert "skip_empty can be given only with data" in err
    code, _, err = call("evaluate", folder.path, "--data", path, "--delimiter", "ab")
    assert code == 2
    assert "delimiter must be one character" in err


def test_a_language_model_reads_another_table(tmp_path):
    rows = [(f"{text}, {text}, {text}", label) for text, label in ROWS]
    path = write(tmp_path / "a.csv", rows, encoding="latin-1", delimiter=";")
    folder, _ = start(
        "language-model", data=path, text_column="text", out=tmp_path / "lm", workers=1,
        table={"encoding": "latin-1", "delimiter": ";"}, n_layers=1, d_model=8, n_heads=2, d_ff=8,
    )  # fmt: skip
    folder.new_model().save(folder.weights)
    other = write(tmp_path / "b.csv", rows, delimiter="|")
    assert evaluate(folder, data=other)["trained on"] == 36


def test_a_file_that_looks_like_utf8_is_named(tmp_path):
    lines = []
    path = write(tmp_path / "a.csv")
    for encoding, named in (("latin-1", True), ("utf-8", False), ("utf-8-sig", False)):
        lines.clear()
        start(
            data=path, text_column="text", label_column="label", table={"encoding": encoding},
            out=tmp_path / encoding, on_progress=lines.append, **SMALL,
        )  # fmt: skip
        assert any("looks like UTF-8" in line for line in lines) == named
