"""What is done with the rows of a table: classes, HTML, empty cells, parts from other files."""

import json

import numpy as np
import pytest

from minitransformer.data import (
    TableOptions,
    load_labelled,
    load_shakespeare,
    load_table,
    load_text,
)
from minitransformer.data.corpora.labels import numbers_of
from minitransformer.data.corpora.table import read_texts

HEAD = "text,label\n"
HEAD_WORDS = ("text", "label")


def load(path, content, notes=None, **options):
    """The data set of a table without a split; `notes` receives the notes."""
    path.write_text(content, encoding="utf-8")
    notes = [] if notes is None else notes
    sizes = {"validation": 0, "test": 0}
    return load_table(path, "text", "label", on_note=notes.append, **(sizes | options))


def table(labels):
    return HEAD + "".join(f"text {i},{label}\n" for i, label in enumerate(labels))


# --- classes


@pytest.mark.parametrize(
    ("labels", "names", "numbers"),
    [
        (["0", "1", "0.0", "1.0"], ("0", "1"), [0, 1, 0, 1]),
        (["1", "01", "+1", "1e0", "2"], ("1", "2"), [0, 0, 0, 0, 1]),
        (["-0", "0", "7"], ("0", "7"), [0, 0, 1]),
        (["10", "9.0", "9"], ("9", "10"), [1, 0, 0]),
        (["9007199254740993", "9007199254740992.0", "1"], None, [2, 1, 0]),
    ],
)
def test_equal_numbers_are_one_class(tmp_path, labels, names, numbers):
    notes = []
    found = load(tmp_path / "a.csv", table(labels * 2), notes)
    assert found.train.labels.tolist() == numbers * 2
    if names is not None:
        assert found.class_names == names
        assert notes
        assert "are the same number, so one class" in notes[0]
    else:
        assert notes == []


def test_the_note_about_equal_numbers_has_the_counts(tmp_path):
    notes = []
    load(tmp_path / "a.csv", table(["0", "1", "0.0", "1"]), notes)
    assert notes == ["a.csv: the labels '0' (1), '0.0' (1) are the same number, so one class: '0'"]


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        ([True, 1, False, 0, "1"], ("0", "1")),
        ([True, False, True], ("False", "True")),
        ([1, "1.0", 2.0], ("1", "2.0")),
        (["007", "7b"], ("007", "7b")),
    ],
)
def test_equal_values_in_json_are_one_class(tmp_path, labels, names):
    lines = [json.dumps({"text": f"t{i}", "label": label}) for i, label in enumerate(labels)]
    assert load(tmp_path / "a.jsonl", "\n".join(lines)).class_names == names


def test_labels_that_differ_in_how_they_are_written_are_named(tmp_path):
    notes = []
    found = load(tmp_path / "a.csv", table(["pos", "Pos", "POS", "neg"] * 3), notes)
    assert len(found.class_names) == 4
    assert notes == [
        "a.csv: 'POS', 'Pos', 'pos' are 3 classes that differ only in how they are written; if one "
        "is meant, write them alike in the file"
    ]
    load(tmp_path / "a.csv", table(["caf\u00e9", "cafe\u0301", "a  b", "a b"] * 3), notes)
    assert len(notes) == 3


def test_texts_with_different_labels_are_named(tmp_path):
    rows = [("same", "a"), ("x", "a"), ("same", "b"), ("y", "b"), ("x", "a"), ("z", "c")] * 2
    content = HEAD + "".join(f"{text},{label}\n" for text, label in [*rows, ("y", "c")])
    notes, line = [], "a.csv: texts that occur with different labels: 2, for instance 'same' with "
    load(tmp_path / "a.csv", content, notes)
    assert notes == [line + "'a', 'b'"]
    load_labelled(tmp_path / "a.csv", "text", "label", ["c", "b", "a"], on_note=notes.append)
    assert notes[1:] == [line + "'b', 'a'"]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([i / 7 for i in range(30)], "look like numbers to predict; there is no regression"),
        ([0.5, 1.25, 3.75], "look like numbers to predict"),
        (['"3,75"', '"4,5"', '"1,0"'], "look like numbers to predict"),
        ([f"price {i}" for i in range(30)], "30 different labels .* is this the right column"),
        (["a"] * 9, "every label is 'a'; at least two classes"),
    ],
)
def test_labels_that_are_not_classes(tmp_path, labels, message):
    with pytest.raises(ValueError, match=message):
        load(tmp_path / "a.csv", table(labels))


def test_ratings_in_halves_are_classes(tmp_path):
    assert len(load(tmp_path / "a.csv", table([0.5, 1, 1.5, 2] * 5)).class_names) == 4


# --- HTML and empty cells


HTML = HEAD + 'fine<br />film &amp; <b class="x">cast</b>,0\n&#39;a&#39; <3 <grin>,1\n'


def test_html_is_removed_if_there_is_any(tmp_path):
    notes = []
    found = load(tmp_path / "a.csv", HTML, notes)
    assert found.train.texts == ["fine film &  cast", "'a' <3 <grin>"]
    assert notes == [
        "a.csv: HTML tags and entities are removed (the first is in line 2); --clean none keeps "
        "them"
    ]
    assert load(tmp_path / "a.csv", HTML, clean="html").train.texts == found.train.texts
    kept = load(tmp_path / "a.csv", HTML, clean="none").train.texts
    assert kept[1] == "&#39;a&#39; <3 <grin>"


def test_what_is_no_html_is_kept(tmp_path):
    notes, texts = [], ["R&B <3 a<b and b>a", "<unk> <user> AT&T; &c. &nosuch;"]
    content = HEAD + "".join(f"{text},{i}\n" for i, text in enumerate(texts))
    assert load(tmp_path / "a.csv", content, notes).train.texts == texts
    assert notes == []


def test_html_written_as_entities_and_scripts(tmp_path):
    content = HEAD + "a &lt;br&gt; b<script>var x = 1</script>,0\n<!-- no -->c,1\n"
    assert load(tmp_path / "a.csv", content).train.texts == ["a   b", "c"]
    with pytest.raises(ValueError, match="line 2: the column 'text' must contain a word"):
        load(tmp_path / "a.csv", HEAD + "<p></p>,0\nx,1\n")


def test_empty_cells_can_be_skipped(tmp_path):
    content = table([0, 1, 0, 1]) + ",1\nx,\n___,0\n"
    with pytest.raises(ValueError, match="line 6: .* empty; to leave such rows out, use --skip-em"):
        load(tmp_path / "a.csv", content)
    notes = []
    assert len(load(tmp_path / "a.csv", content, notes, skip_empty=True).train) == 4
    assert notes == ["a.csv: rows left out, without a text or a label: 3"]
    lines = [{"text": "a", "label": 0}, {"text": "b"}, {"text": None, "label": 1}]
    lines += [{"text": "c", "label": 1}, {"label": float("nan"), "text": "d"}]
    content = "\n".join(map(json.dumps, lines))
    found = load(tmp_path / "a.jsonl", content, skip_empty=True)
    assert found.train.texts == ["a", "c"]
    with pytest.raises(ValueError, match="no row with a text and a label"):
        load(tmp_path / "a.csv", HEAD + ",1\n", skip_empty=True)


@pytest.mark.parametrize("word", ["nan", "NaN", "None", "NULL", "N/A", "<NA>", "\\N", "NaT"])
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_words_for_a_missing_label_are_named(tmp_path, word, name):
    rows = [{"text": f"text {i}", "label": str(i % 2)} for i in range(6)]
    rows += [{"text": "text 6", "label": word}, {"text": word, "label": "1"}]
    content = HEAD + "".join(f"{row['text']},{row['label']}\n" for row in rows)
    if name == "a.jsonl":
        content = "\n".join(map(json.dumps, rows))
    notes = []
    assert load(tmp_path / name, content, notes).class_names == ("0", "1", word)
    assert notes == [
        f"{name}: {word!r} (1) in place of a text may mean that it is missing; they are "
        "read as texts, but --skip-empty leaves these rows out",
        f"{name}: {word!r} (1) in place of a label may mean that it is missing; each is a "
        "class, but --skip-empty leaves these rows out",
    ]
    notes.clear()
    found = load(tmp_path / name, content, notes, skip_empty=True)
    assert found.class_names == ("0", "1")
    assert len(found.train) == 6
    assert notes == [
        f"{name}: left out because the {what} is missing: {word!r} (1)" for what in HEAD_WORDS
    ]
    with pytest.raises(ValueError, match="not one of the classes .* is missing, use --skip-empty"):
        load_labelled(tmp_path / name, "text", "label", ["0", "1"], on_note=notes.append)
    known = load_labelled(
        tmp_path / name, "text", "label", ["0", "1", word], skip_empty=True, on_note=notes.append
    )
    assert known.labels.tolist() == [0, 1, 0, 1, 0, 1, 2]  # a class of the run is meant


def test_a_class_called_none_in_small_letters_is_a_class(tmp_path):
    notes = []
    content = table(["none", "mild", "undefined", "unknown"] * 3)
    assert len(load(tmp_path / "a.csv", content, notes, skip_empty=True).class_names) == 4
    assert notes == []


def test_words_for_a_missing_text_of_a_language_model(tmp_path):
    path, notes = tmp_path / "a.csv", []
    path.write_text("text,more\none,a\nnan,NULL\ntwo,b\n")
    assert read_texts(path, "text", on_note=notes.append) == ["one", "nan", "two"]
    assert "'nan' (1) in place of a text" in notes[0]
    skip = TableOptions(skip_empty=True)
    assert read_texts(path, "text,more", skip, notes.append) == ["one\na", "two\nb"]


# --- parts from other files


def test_validation_and_test_from_files(tmp_path):
    for name, labels in (("val", "1.0,0,1"), ("test", "0,1")):
        (tmp_path / f"{name}.csv").write_text(
            HEAD + "".join(f"{name} {i},{label}\n" for i, label in enumerate(labels.split(",")))
        )
    files = {"validation_data": tmp_path / "val.csv", "test_data": tmp_path / "test.csv"}
    path = tmp_path / "a.csv"
    found = load(path, table([0, 1] * 10), **files)
    assert len(found.train) == 20
    assert found.validation.texts == ["val 0", "val 1", "val 2"]
    assert found.validation.labels.tolist() == [1, 0, 1]
    assert found.test.labels.tolist() == [0, 1]
    found = load_table(path, "text", "label", test_data=files["test_data"])
    assert [len(found.train), len(found.validation), len(found.test)] == [18, 2, 2]
    found = load_table(path, "text", "label", validation_data=files["validation_data"])
    assert [len(found.train), len(found.validation), len(found.test)] == [18, 3, 2]


def test_texts_of_the_files_that_are_trained_on_are_counted(tmp_path):
    notes = []
    (tmp_path / "test.csv").write_text(HEAD + "text 1,1\nother,0\n")
    load(tmp_path / "a.csv", table([0, 1] * 3), notes, test_data=tmp_path / "test.csv")
    assert notes == ["1 of the 2 texts of the test file are also in the training texts"]


def test_a_whole_file_with_known_classes(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(table(["1", "0", "01"]))
    found = load_labelled(path, "text", "label", ("0.0", "1"))
    np.testing.assert_array_equal(found.labels, [1, 0, 1])
    path.write_text(table(["1", "2"]))
    with pytest.raises(
        ValueError, match="line 3: the label '2' is not one of the classes '0', '1'"
    ):
        load_labelled(path, "text", "label", ("0", "1"))


def test_notes_are_warnings_by_default(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(table(["0", "1", "0.0"] * 2))
    with pytest.warns(UserWarning, match="the same number"):
        load_table(path, "text", "label", validation=0, test=0)


# --- language models


def test_a_table_is_not_learned_with_its_braces(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "one"}\n{"text": "two"}\n{"text": ""}\n')
    for load_it in (load_text, load_shakespeare):
        with pytest.raises(ValueError, match=r"is a table: name the column .* \(--text-column\)"):
            load_it(path)
    assert load_text(path, "text").text == "one\ntwo"
    assert load_text(path, options=None).text.startswith('{"text"')  # a run from before
    (tmp_path / "a.txt").write_text('{"text": "one"}\n')
    assert load_text(tmp_path / "a.txt").text == '{"text": "one"}\n'
    assert load_text(tmp_path / "a.txt").name == "a"
    with pytest.raises(FileNotFoundError):
        load_text(tmp_path / "none.txt")


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl"])
@pytest.mark.parametrize(
    ("text", "label", "message"),
    [
        (None, "label", "text_column must be a column's name or number, or a list of these, got N"),
        (3.5, "label", "text_column must be .* got 3.5"),
        (b"text", "label", "text_column must be .* got b'text'"),
        (True, "label", "text_column must be .* got True"),
        ([], "label", r"text_column must be .* got \[\]"),
        (["text", None], "label", r"text_column must be .* got \['text', None\]"),
        ({"text": 1}, "label", "text_column must be"),
        ("text", None, "label_column must be a column's name or number, got None"),
        ("text", ["label"], r"label_column must be .* got \['label'\]"),
        ("text", False, "label_column must be .* got False"),
    ],
)
def test_a_column_of_another_type_is_refused_by_name(tmp_path, name, text, label, message):
    path = rows_of(tmp_path, name)
    for load in (
        lambda: load_table(path, text, label),
        lambda: load_labelled(path, text, label, ["0", "1"]),
    ):
        with pytest.raises(TypeError, match="^" + message):
            load()
    if label == "label":
        with pytest.raises(TypeError, match="^" + message):
            read_texts(path, text)


def rows_of(folder, name):
    lines = [f"word w{i},{i % 2}" for i in range(20)]
    if name.endswith(".jsonl"):
        lines = [f'{{"text": "word w{i}", "label": {i % 2}}}' for i in range(20)]
    else:
        lines.insert(0, "text,label")
    (folder / name).write_text("\n".join(lines), "utf-8")
    return folder / name


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl"])
@pytest.mark.parametrize("text", [["text", "label"], "text,label", "text,text", ("label", "text")])
def test_a_label_is_not_a_part_of_the_text(tmp_path, name, text):
    with pytest.raises(ValueError, match="each column must be given once, got '(label|text)' more"):
        load_table(rows_of(tmp_path, name), text, "label")


def test_columns_may_be_given_as_any_sequence_and_as_numbers_of_numpy(tmp_path):
    path = rows_of(tmp_path, "t.csv")
    expected = load_table(path, "text", "label").train.texts
    for text in (("text",), np.array(["text"]), np.str_("text")):
        assert load_table(path, text, "label").train.texts == expected
    path.write_text("\n".join(path.read_text("utf-8").splitlines()[1:]), "utf-8")
    numbered = load_table(path, np.int64(1), np.int64(2), header=False)
    assert numbered.train.texts == expected


def test_options_of_a_table_are_checked_by_name(tmp_path):
    path = rows_of(tmp_path, "t.csv")
    with pytest.raises(TypeError, match="unknown option 'delimter'; did you mean 'delimiter'"):
        load_table(path, "text", "label", delimter=",")
    with pytest.raises(TypeError, match="options must be a TableOptions, got int"):
        load_table(path, "text", "label", options=3)
    with pytest.raises(TypeError, match="seed must be a whole number >= 0, got 'a'"):
        load_table(path, "text", "label", seed="a")


@pytest.mark.parametrize(
    "names", [("False", "True"), ("0", "1"), ("false", "true"), ("0.0", "1.0")]
)
@pytest.mark.parametrize(
    "labels",
    [(True, False), ("true", "false"), ("TRUE", "FALSE"), (1, 0), ("1.0", "0"), ("True", "0")],
)
def test_truth_values_are_found_however_they_are_written(labels, names):
    assert numbers_of(labels, names) == [1, 0]


def test_truth_values_are_not_mixed_up():
    assert numbers_of(["true", "True", "1", True], ["1", "true"]) == [1, None, 0, 0]
    assert numbers_of(["true", "yes", "2"], ["no", "yes"]) == [None, 1, None]
