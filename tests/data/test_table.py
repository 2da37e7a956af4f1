"""Tables of your own texts, and the splitting function used for tables and the IMDB reviews."""

import csv
import json

import numpy as np
import pytest

from minitransformer.data.corpora.splits import split_off
from minitransformer.data.corpora.table import load_table

ROWS = [
    (f'review, number {i} "quoted"\nsecond line', ("bad", "fair", "good")[i % 3]) for i in range(60)
]


def write(path, rows=ROWS, header=("review", "stars"), encoding="utf-8"):
    if path.suffix == ".jsonl":
        lines = [
            json.dumps(dict(zip(header, row, strict=True)), ensure_ascii=False) for row in rows
        ]
        path.write_text("\n".join(lines), encoding=encoding)
        return path
    with open(path, "w", newline="", encoding=encoding) as file:
        writer = csv.writer(file, delimiter="\t" if path.suffix == ".tsv" else ",")
        writer.writerows([header, *rows])
    return path


def load(path, **options):
    return load_table(path, "review", "stars", **options)


def pairs(dataset):
    return sorted(
        (text, dataset.class_names[label])
        for part in (dataset.train, dataset.validation, dataset.test)
        for text, label in zip(part.texts, part.labels, strict=True)
    )


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.CSV"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_formats(tmp_path, name, encoding):
    notes = []
    dataset = load(write(tmp_path / name, encoding=encoding), on_note=notes.append)
    assert notes == (["a.tsv: quotation marks enclose fields, as in CSV"] * (name == "a.tsv"))
    assert pairs(dataset) == sorted(ROWS)
    assert dataset.class_names == ("bad", "fair", "good")
    assert [len(part) for part in (dataset.train, dataset.validation, dataset.test)] == [48, 6, 6]
    assert np.bincount(dataset.test.labels).tolist() == [2, 2, 2]
    assert dataset.name == "a"


def test_split_is_deterministic(tmp_path):
    path = write(tmp_path / "a.csv")
    one, again, other = load(path), load(path), load(path, seed=1)
    assert one.test.texts == again.test.texts != other.test.texts
    assert one.train.texts == again.train.texts
    sizes = load(path, validation=0, test=15)
    assert [len(part) for part in (sizes.train, sizes.validation, sizes.test)] == [45, 0, 15]


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        ((10, 9, 1), ("1", "9", "10")),
        ((-1, 0.5, 2), ("-1", "0.5", "2")),
        (("10", "inf", "9"), ("10", "9", "inf")),
        (("b ", "ä", "a"), ("a", "b", "ä")),
        ((True, False, True), ("False", "True")),
    ],
)
def test_class_names(tmp_path, labels, names):
    rows = [(f"text {i}", labels[i % 3]) for i in range(30)]
    for name in ("a.csv", "a.jsonl"):
        assert load(write(tmp_path / name, rows)).class_names == names


def test_other_columns_lines_and_separators(tmp_path):
    rows = [(i, f"text\u2028{i} \u0085", f"{i % 2}") for i in range(20)]
    dataset = load(write(tmp_path / "a.jsonl", rows, ("id", "review", "stars")))
    assert len(pairs(dataset)) == 20
    assert "\u2028" in dataset.train.texts[0]
    (tmp_path / "b.csv").write_bytes(
        b"review,stars\r\n"
        + b"".join(b'"first\r\nsecond %d",%d\r\n' % (i, i % 2) for i in range(20))
    )
    assert load(tmp_path / "b.csv").train.texts[0].startswith("first\r\nsecond")
    long = "word " * 100_000
    (tmp_path / "a.csv").write_bytes(
        b"stars , review\r\n\r\n"
        + b"".join(b"%d,text %d\r\n" % (i % 2, i) for i in range(20))
        + b"1,"
        + long.encode()
        + b"\r\n\r\n"
    )
    assert len(pairs(load(tmp_path / "a.csv"))) == 21
    assert csv.field_size_limit() == 131_072


def csv_bytes(*lines):
    return "\n".join(["review,stars", *lines]).encode()


FINE = [f"text {i},{i % 2}" for i in range(20)]
WRONG = {
    "missing column": (
        "a.csv",
        b"reviews,stars\nx,1",
        r"line 1: no column 'review'; the columns "
        r"are 'reviews', 'stars'; did you mean 'reviews'\?",
    ),
    "missing key": (
        "a.jsonl",
        b'{"review": "x", "stars": 1}\n{"review": "x"}',
        "line 2: no column 'stars'; the columns are 'review'",
    ),
    "one class": (
        "a.csv",
        csv_bytes("x,1", "y,1"),
        "every label is '1'",
    ),
    "empty": ("a.csv", b"", "a.csv is empty"),
    "blank": ("a.jsonl", b"\xef\xbb\xbf \n\n ", "a.jsonl is empty"),
    "header only": ("a.csv", csv_bytes(), "no rows"),
    "empty text": ("a.csv", csv_bytes(*FINE, "  ,1"), "line 22: the column 'review' is empty"),
    "no token": (
        "a.csv",
        csv_bytes(*FINE, "___,1"),
        "line 22: .*'review' must contain a word .*'___'",
    ),
    "empty label": ("a.csv", csv_bytes(*FINE, "x,"), "line 22: the column 'stars' is empty"),
    "null text": ("a.jsonl", b'{"review": null, "stars": 1}', "line 1: .* 'review' is empty"),
    "list as text": (
        "a.jsonl",
        b'{"review": ["x"], "stars": 1}',
        "line 1: .* must contain a text, got list",
    ),
    "too few rows": (
        "a.csv",
        csv_bytes("x,1", "y,2", "z,2"),
        "class '1' must have at least 3 different texts, .* got 1",
    ),
    "copies only": (
        "a.csv",
        csv_bytes(*["x,1"] * 9, *(f"text {i},2" for i in range(9))),
        "class '1' must have at least 3 different texts, .* got 1",
    ),
    "a label for each text": ("a.csv", csv_bytes(*(f"x{i},{i}" for i in range(50))), "class '0'"),
    "bad JSON": ("a.jsonl", b'{"review": "x", "stars": 1}\n{"review": "x"', "line 2: not JSON"),
    "nested JSON": ("a.jsonl", b"[" * 100_000, "line 1: not JSON"),
    "no JSON object": ("a.jsonl", b'["x", 1]', "line 1: must be a JSON object, got list"),
    "not UTF-8": ("a.csv", csv_bytes(*FINE) + b"\ncaf\xe9,1", "line 22: not UTF-8"),
    "half of UTF-16": ("a.csv", "review,stars".encode("utf-16") + b"x", "line 1: not UTF-16"),
    "UTF-16 without mark": ("a.csv", "review,stars".encode("utf-16-le"), "line 1: a NUL"),
    "NUL": ("a.tsv", b"review\tstars\nx\0\t1", "line 2: a NUL character"),
    "too many fields": ("a.csv", csv_bytes("x,y,1"), "line 2: 3 fields, but the header has 2"),
    "too few fields": ("a.csv", csv_bytes("x"), "line 2: 1 fields, but the header has 2"),
    "open quote": ("a.csv", csv_bytes('"x,1'), """line 2: .* begins with '"x,1' is never closed"""),
    "name twice": ("a.csv", b"review,stars,review\nx,1,y", "'review' more than once"),
    "huge field": ("a.csv", csv_bytes("x" * 17_000_000 + ",1"), "line 2: field larger"),
    "unknown format": ("a.xlsx", b"x", "must be one of .csv, .* got '.xlsx'; save .* CSV"),
    "no format": ("a", b"x", "the suffix must be one of .*, got ''"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_files(tmp_path, name):
    file, content, message = WRONG[name]
    (tmp_path / file).write_bytes(content)
    with pytest.raises(ValueError, match=message) as info:
        load(tmp_path / file)
    assert "\n" not in str(info.value)
    assert csv.field_size_limit() == 131_072


def test_absent_file_and_wrong_sizes(tmp_path):
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "a.csv")
    path = write(tmp_path / "a.csv")
    for sizes in ({"validation": 0.5, "test": 0.5}, {"test": 60}):
        with pytest.raises(ValueError, match="none is left to train on"):
            load(path, **sizes)
    for wrong in (-1, -0.1, 1.0, float("nan"), True, "0.1", None):
        with pytest.raises(ValueError, match="test must be a number of texts, or a fraction"):
            load(path, test=wrong)


def test_split_off_keeps_copies_together_and_every_class_everywhere():
    rng = np.random.default_rng(0)
    for _ in range(300):
        n_classes = int(rng.integers(2, 5))
        texts, labels = [], []
        for label in range(n_classes):
            for i in range(int(rng.integers(3, 30))):
                copies = int(rng.integers(1, 9)) if rng.random() < 0.3 else 1
                texts += [f"{label} {i}"] * copies
                labels += [label] * copies
        order = rng.permutation(len(texts))
        texts, labels = [texts[i] for i in order], np.array(labels)[order]
        sizes = {"validation": 0.1, "test": float(rng.uniform(0.02, 0.4))}
        parts = split_off(texts, labels, [*"abcde"[:n_classes]], sizes, rng)
        assert sorted(np.concatenate(parts)) == list(range(len(texts)))
        different = [{texts[i] for i in part} for part in parts]
        assert sum(map(len, different)) == len(set(texts))
        for part in parts:
            assert (np.diff(part) > 0).all()
            assert set(labels[part]) == set(range(n_classes))


def test_split_off_is_exact_and_stratified_where_texts_stand_once():
    labels = np.repeat([0, 1, 2], [700, 200, 100])
    texts = [str(i) for i in range(1000)]
    parts = split_off(texts, labels, "abc", {"a": 100, "b": 0.25, "c": 0}, np.random.default_rng(0))
    assert [np.bincount(labels[part], minlength=3).tolist() for part in parts] == [
        [455, 130, 65],
        [70, 20, 10],
        [175, 50, 25],
        [0, 0, 0],
    ]


def test_split_off_gives_the_rest_to_the_largest_remainders():
    labels = np.repeat([0, 1, 2], [60, 25, 15])  # quotas of 9 texts: 5.4, 2.25 and 1.35
    _, part = split_off(
        [str(i) for i in range(100)], labels, "abc", {"a": 9}, np.random.default_rng(0)
    )
    assert np.bincount(labels[part]).tolist() == [6, 2, 1]
