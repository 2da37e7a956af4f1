"""Tables as other programs write them: delimiters, quotation marks, encodings, JSON, gzip."""

import gzip
import json
from functools import partial

import pytest

from minitransformer.data import TableOptions, load_labelled, load_table

HEAD = "text,label\n"


def rows_of(path, content, text="text", label="label", notes=None, **options):
    """Texts and labels of a table, in the order of the file; `notes` receives the notes."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    notes = [] if notes is None else notes
    found = load_table(path, text, label, validation=0, test=0, on_note=notes.append, **options)
    names = [found.class_names[k] for k in found.train.labels]
    return list(zip(found.train.texts, names, strict=True))


def refusal(path, content, *columns, **options):
    """The error for a table, in which the path is shortened to its name."""
    with pytest.raises(ValueError) as info:
        rows_of(path, content, *columns, **options)
    assert "\n" not in str(info.value)
    return str(info.value).replace(str(path), path.name)


# --- quotation marks


def test_a_table_with_tabs_does_not_quote(tmp_path):
    content = 'text\tlabel\n"a\t1\nb\t0\nc"\t1\n'
    right = [('"a', "1"), ("b", "0"), ('c"', "1")]
    assert rows_of(tmp_path / "a.tsv", content) == right
    assert rows_of(tmp_path / "a.csv", content) == right
    assert rows_of(tmp_path / "a.txt", content) == right
    plain = [('"whole"', "1"), ('b "x"', "0")]
    assert rows_of(tmp_path / "b.tsv", 'text\tlabel\n"whole"\t1\nb "x"\t0\n') == plain


@pytest.mark.parametrize(
    ("field", "text"), [('"say ""hi"""', 'say "hi"'), ('"two\nlines"', "two\nlines")]
)
def test_a_table_with_tabs_that_was_written_with_quotation_marks(tmp_path, field, text):
    notes = []
    rows = rows_of(tmp_path / "a.tsv", f"text\tlabel\n{field}\t1\nb\t0\n", notes=notes)
    assert rows == [(text, "1"), ("b", "0")]
    assert notes == ["a.tsv: quotation marks enclose fields, as in CSV"]


@pytest.mark.parametrize(
    ("content", "line", "what"),
    [
        (HEAD + 'd,0\ne,1\n"open,1\nx,0\n', 4, "'\"open,1' is never closed"),
        (HEAD + 'd,0\n"a\nb",1\nc,0\n"open,1\nx,0\n', 6, "'\"open,1' is never closed"),
        ('text,more,label\nd,,0\n"a\nb","c,1\n', 4, "'\"c,1' is never closed"),
        (HEAD + 'd,0\n"a" b,1\nx,0\n', 3, "'\"a\" b,1' ends in the middle of a field"),
        (HEAD + 'd,0\n\n"a" b,1\r\nx,0\n', 4, "'\"a\" b,1' ends in the middle of a field"),
    ],
)
def test_the_line_in_which_a_stray_quotation_mark_opens(tmp_path, content, line, what):
    message = refusal(tmp_path / "a.csv", content)
    assert f"a.csv, line {line}: the quotation that begins with {what}" in message
    assert "--quoting none" in message
    assert "--delimiter" in message


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (HEAD + '"a,1\nb,0\nc",1\nd,0\n', 2),
        (HEAD + 'd,0\n"a, of\nx",1\n"b,0\nc",1\n', 5),
        ('label,text\n1,"a\n0,b\n1,c"\n0,d\n', 2),
        ('id,label,text\n5,1,"a\n6,0,b\n7,1,c"\n8,0,d\n', 2),
    ],
)
def test_a_text_with_whole_rows_in_it_is_refused(tmp_path, content, line):
    message = refusal(tmp_path / "a.csv", content)
    assert f"a.csv, line {line}: the quotation that begins here contains a whole row" in message
    assert rows_of(tmp_path / "a.csv", content, quoting="double")


def test_texts_with_line_ends_and_delimiters_are_no_rows(tmp_path):
    content = HEAD + '"a, yes\nb, no\nc, 0 stars",1\nd,0\n'
    assert rows_of(tmp_path / "a.csv", content)[0] == ("a, yes\nb, no\nc, 0 stars", "1")
    content = 'label,text\n1,"a\nb, 1"\n0,d\n'
    assert rows_of(tmp_path / "a.csv", content)[0] == ("a\nb, 1", "1")


def test_quoting_by_backslashes_or_none(tmp_path):
    content = HEAD + 'd,0\n"a \\"b\\", c",1\n'
    assert "--quoting backslash" in refusal(tmp_path / "a.csv", content)
    assert rows_of(tmp_path / "a.csv", content, quoting="backslash")[1] == ('a "b", c', "1")
    content = HEAD + 'd,0\n"a,1\nx",0\n'
    assert rows_of(tmp_path / "a.csv", content, quoting="none")[1:] == [('"a', "1"), ('x"', "0")]
    content = 'label, text\n1, "a, b"\n0, c\n'
    assert rows_of(tmp_path / "a.csv", content) == [("a, b", "1"), ("c", "0")]


# --- delimiters and columns


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", "text;label\r\na, b;0\r\nc;1\r\n", "semicolons"),
        ("a.csv", "sep=;\r\ntext;label\r\na, b;0\r\nc;1\r\n", None),
        ("a.csv", '\ufeff"text"|label\n"a, b"|0\nc|1\n', "pipes"),
        ("a.csv", "id\ttext\tlabel\n1\ta, b\t0\n2\tc\t1\n", "tabs"),
        ("a.tsv", 'text,label\n"a, b",0\nc,1\n', "commas"),
        ("a.txt", "text;label\na, b;0\nc;1\n", "semicolons"),
        ("a.txt", "text\tlabel\na, b\t0\nc\t1\n", None),
    ],
)
def test_the_delimiter_is_found_by_the_columns(tmp_path, name, content, words):
    notes = []
    assert rows_of(tmp_path / name, content, notes=notes) == [("a, b", "0"), ("c", "1")]
    assert notes == ([f"{name}: the columns are separated by {words}"] if words else [])


def test_a_delimiter_by_name(tmp_path):
    content = "text~label\na~0\nb~1\n"
    assert rows_of(tmp_path / "a.csv", content, delimiter="~") == [("a", "0"), ("b", "1")]
    content = "text label\na 0\nb 1\n"
    assert rows_of(tmp_path / "a.txt", content, delimiter="space") == [("a", "0"), ("b", "1")]
    message = refusal(tmp_path / "a.csv", HEAD + "a,0\n", delimiter="\\t")
    assert "no column 'text'; the columns are 'text,label'; name the character" in message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"delimiter": "::"}, "delimiter must be one character .* got '::'"),
        ({"delimiter": "\n"}, "delimiter must be one character"),
        ({"quoting": "single"}, "quoting must be one of double, backslash, none, got 'single'"),
        ({"encoding": "klingon"}, "encoding must be a text encoding .* got 'klingon'"),
        ({"encoding": "base64"}, "encoding must be a text encoding"),
        ({"clean": "xml"}, "clean must be one of html, none"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(ValueError, match=message):
        TableOptions(**options)


def test_without_a_header(tmp_path):
    content = "a,1\nb,0\n"
    assert "use --no-header and the columns' numbers" in refusal(tmp_path / "a.csv", content)
    assert rows_of(tmp_path / "a.csv", content, "1", "2", header=False) == [("a", "1"), ("b", "0")]
    message = refusal(tmp_path / "a.csv", content, "0", "2", header=False)
    assert (
        "line 1: no column '0'; without a header, the columns are numbered from 1 to 2" in message
    )
    content = '"two\nlines";1\nb, and c;0\n'
    assert rows_of(tmp_path / "a.csv", content, "1", "2", header=False)[1] == ("b, and c", "0")
    message = refusal(tmp_path / "a.csv", "a,1;1\nb,2;0\n", "1", "2", header=False)
    assert message.startswith("a.csv: the columns may be separated by commas or semicolons")


def test_columns_by_number_may_be_integers(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("good,x,1\nbad,y,0\n", encoding="utf-8")
    load = partial(load_table, path, header=False, validation=0, test=0)
    assert load(1, 3).train.texts == load("1", "3").train.texts == ["good", "bad"]
    assert load([1, 2], 3).train.texts == ["good\nx", "bad\ny"]
    with pytest.raises(ValueError, match="numbered from 1 to 3"):
        load(0, 3)
    with pytest.raises(ValueError, match="must differ"):
        load(3, "3")


def test_columns_that_are_not_asked_for(tmp_path):
    notes, path = [], tmp_path / "a.csv"
    content = 'v1,v2,,\nham,"Go, there",,\nspam,Win,more,\n'
    assert rows_of(path, content, "v2", "v1", notes) == [("Go, there", "ham"), ("Win", "spam")]
    assert notes == [
        "a.csv: text in columns without a name is not read: rows with such text: 1, the first in "
        "line 3"
    ]
    assert rows_of(path, "text,x,x,label\na,,,1\nb,,,0\n") == [("a", "1"), ("b", "0")]
    message = refusal(path, "text,label,label\na,1,2\n")
    assert "line 1: the header names 'label' more than once" in message


@pytest.mark.parametrize(
    "content",
    [
        "text,label,\na,1\nb,0\n",
        "text,label\na,1,\nb,0,,\n\n,,\n , \n",
        "\n\ntext,label\r\n\r\na,1\r\nb,0\r\n\r\n",
        "text,label\ra,1\rb,0\r",
    ],
)
def test_delimiters_at_the_end_and_blank_lines(tmp_path, content):
    assert rows_of(tmp_path / "a.csv", content) == [("a", "1"), ("b", "0")]


def test_a_row_is_named_by_its_first_line(tmp_path):
    content = HEAD + '"a\nb\nc",1\n"d\ne,f",\nb,0\n'
    assert "line 5: the column 'label' is empty" in refusal(tmp_path / "a.csv", content)


def test_a_text_from_two_columns(tmp_path):
    content = 'title,body,label\nT,"B, b",1\nU,,0\n'
    right = [("T\nB, b", "1"), ("U", "0")]
    assert rows_of(tmp_path / "a.csv", content, "title,body") == right
    assert rows_of(tmp_path / "a.csv", content, ["title", "body"]) == right
    assert "no column 'bdy'" in refusal(tmp_path / "a.csv", content, "title,bdy")
    content = 'a;"x,y";label\n1;T;1\n2;U;0\n'  # a column whose name has a comma
    assert rows_of(tmp_path / "a.csv", content, "x,y") == [("T", "1"), ("U", "0")]
    with pytest.raises(ValueError, match="text_column and label_column must differ"):
        load_table(tmp_path / "a.csv", "text", "text")


# --- encodings and compression


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
def test_encodings_with_a_byte_order_mark(tmp_path, encoding):
    content = "text\tlabel\ncaf\u00e9\t1\nb\t0\n".encode(encoding)
    assert rows_of(tmp_path / "a.txt", content)[0] == ("caf\u00e9", "1")


def test_other_encodings_are_named(tmp_path):
    content = (HEAD + "caf\u00e9 \u201cx\u201d,1\nb,0\n").encode("cp1252")
    message = refusal(tmp_path / "a.csv", content)
    assert message.startswith("a.csv, line 2: not UTF-8")
    assert "--encoding cp1252" in message
    rows = rows_of(tmp_path / "a.csv", content, encoding="cp1252")
    assert rows[0] == ("caf\u00e9 \u201cx\u201d", "1")
    content = (HEAD + "a,1\nb,0\n").encode("utf-16-le")
    assert "--encoding utf-16-le" in refusal(tmp_path / "a.csv", content)
    assert rows_of(tmp_path / "a.csv", content, encoding="utf-16-le") == [("a", "1"), ("b", "0")]


def test_compressed_files(tmp_path):
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress((HEAD + "a,1\nb,0\n" * 9).encode()))
    assert load_table(path, "text", "label", validation=0, test=0).name == "a"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ValueError, match="is damaged"):
        load_table(path, "text", "label")


# --- JSON


ITEMS = [{"text": "a", "label": 1, "more": {"x": []}}, {"text": "b", "label": 0}]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", json.dumps(ITEMS, indent=2)),
        ("a.json", "\n".join(map(json.dumps, ITEMS))),
        ("a.jsonl", "\n\n".join(map(json.dumps, ITEMS))),
        ("a.ndjson", "\r\n".join(map(json.dumps, ITEMS))),
    ],
)
def test_json_tables(tmp_path, name, content):
    assert rows_of(tmp_path / name, content) == [("a", "1"), ("b", "0")]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", '[{"text": "a", "label": 1}, 3]', "item 2: must be a JSON object, got int"),
        ("a.json", '[{"text": "a", "label": 1}, {"text": "b"}]', "item 2: no column 'label'"),
        ("a.json", '[{"text": "a"', "a.json: not JSON"),
        (
            "a.json",
            '{"text": {"0": "a"}, "label": {"0": 1}}',
            "contains the whole table; write one",
        ),
        ("a.json", '{\n"text": {"0": "a"}}', "orient='records', lines=True"),
        (
            "a.jsonl",
            '[{"text": "a", "label": 1},\n{}]',
            "a JSON array of objects belongs in a .json",
        ),
        ("a.jsonl", '{"text": "a", "label": NaN}', "line 1: the column 'label' is empty"),
    ],
)
def test_wrong_json_tables(tmp_path, name, content, message):
    assert message in refusal(tmp_path / name, content)


def test_options_that_are_not_for_json(tmp_path):
    for options in ({"delimiter": ";"}, {"quoting": "none"}, {"header": False}):
        (name,) = options
        assert f"{name} is not for .json files" in refusal(tmp_path / "a.json", "[]", **options)


@pytest.mark.parametrize(
    ("name", "hint"),
    [("a.xlsx", "CSV"), ("a.parquet", "to_json"), ("a.zip", "unpack"), ("a.pkl.gz", "to_json")],
)
def test_other_formats_have_a_way_out(tmp_path, name, hint):
    assert hint in refusal(tmp_path / name, b"x")


def test_a_header_of_many_columns_takes_linear_time(tmp_path):
    n = 100_000
    lines = [",".join(f"c{i}" for i in range(n)), ",".join("x" * n), ",".join("y" * n)]
    content = "\n".join(lines)
    assert rows_of(tmp_path / "a.csv", content, "c5", f"c{n - 1}") == [("x", "x"), ("y", "y")]
    message = refusal(tmp_path / "a.csv", content)
    assert "and 99,990 more" in message
    assert len(message) < 400


@pytest.mark.parametrize(
    ("name", "content", "columns", "ends"),
    [
        ("a.csv", "review,stars\nx,1\n", "text,label", "name it with --text-column; if this line"),
        ("a.csv", "text,stars\nx,1\n", "text,label", "name it with --label-column; texts without"),
        ("a.jsonl", '{"review": "x", "stars": 1}', "text,label", "name it with --text-column"),
        (
            "a.jsonl",
            '{"text": "x", "stars": 1}',
            "text,label",
            "; texts without labels are for predict",
        ),
        (
            "a.csv",
            "text\nx\n",
            "text,label",
            "labels are for predict; if there are other columns, na",
        ),
        (
            "a.csv",
            "text\nx\n",
            "body,label",
            "'text'; name the character that separates the columns",
        ),
        ("a.csv", "text,label\nx,1\n", "test,label", "did you mean 'text'?"),
    ],
)
def test_the_option_for_a_missing_column_is_named(tmp_path, name, content, columns, ends):
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match="no column") as caught:
        load_table(tmp_path / name, *columns.split(","))
    assert ends in str(caught.value)


COLUMNS = {"text": {"0": "x", "1": "y"}, "label": {"0": 0, "1": 1}}
RECORDS = [{"text": "x", "label": 0}, {"text": "y", "label": 1}]


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
@pytest.mark.parametrize(
    "value",
    [
        COLUMNS,  # pandas: orient="columns", the default
        {"0": RECORDS[0], "1": RECORDS[1]},  # "index"
        {"columns": ["text", "label"], "index": [0, 1], "data": [["x", 0], ["y", 1]]},  # "split"
        {"schema": {"fields": [], "pandas_version": "1.4.0"}, "data": RECORDS},  # "table"
        {"text": ["x", "y"], "label": [0, 1]},  # datasets: to_dict
        {"data": RECORDS},
    ],
)
def test_other_layouts_of_json_are_named(tmp_path, name, value):
    for content in (json.dumps(value), json.dumps(value, indent=1)):
        (tmp_path / name).write_text(content)
        with pytest.raises(ValueError, match="JSON|whole table") as caught:
            load_table(tmp_path / name, "text", "label")
        if name == "a.json" or content.count("\n") == 0:
            assert "orient='records', lines=True" in str(caught.value)


def test_an_array_of_arrays_is_named(tmp_path):
    (tmp_path / "a.json").write_text('[["x", 0], ["y", 1]]')  # pandas: orient="values"
    with pytest.raises(ValueError, match="item 1: must be a JSON object, got list; write one obj"):
        load_table(tmp_path / "a.json", "text", "label")
    (tmp_path / "a.json").write_text('{"text": "x", "label": 1, "words": [{"x": 1}]}')
    assert load_labelled(tmp_path / "a.json", "text", "label", ["0", "1"]).texts == ["x"]
    (tmp_path / "a.json").write_text('{"text": ["x", "y"], "label": 1}\n{"text": "a", "label": 0}')
    with pytest.raises(ValueError, match="line 1: the column 'text' must contain a text, got list"):
        load_table(tmp_path / "a.json", "text", "label")
