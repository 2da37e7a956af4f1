"""Tiny Shakespeare, names and Multi30k, with complete, damaged, misaligned and missing files."""

import gzip
import hashlib

import pytest

from minitransformer.data import load_multi30k, load_names, load_shakespeare, read_parallel
from minitransformer.storage.download import VARIABLE
from minitransformer.storage.published import SOURCES
from tests.support.published_tables import published


@pytest.fixture
def nothing_fetched(monkeypatch):
    """No data folder, and no download."""
    asked = []

    def fetch(name, **options):
        asked.append(name)
        raise OSError("no network in tests")

    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr("minitransformer.storage.text_files.fetch", fetch)
    monkeypatch.setattr("minitransformer.data.corpora.parallel.fetch", fetch)
    return asked


def write(folder, **files):
    """Write files by name; "_" stands for ".", and a name ending in "gz" means gzip."""
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        name = name.replace("__", ".")
        data = text if isinstance(text, bytes) else text.encode()
        (folder / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return folder


# --- plain text


def test_shakespeare_as_published():
    text = load_shakespeare(published("tinyshakespeare"))
    assert (len(text.train), len(text.held_out)) == (1_003_854, 111_540)
    assert len(set(text.text)) == 65
    assert hashlib.sha256(text.text.encode()).hexdigest() == SOURCES["shakespeare"].sha256


def test_a_text_of_ones_own(tmp_path):
    write(tmp_path, input__txt="0123456789" * 10, mine__gz="abcdefghij\r\nx")
    text = load_shakespeare(tmp_path)
    assert (text.name, text.train, text.held_out) == ("shakespeare", "0123456789" * 9, "0123456789")
    mine = load_shakespeare(tmp_path / "mine.gz", held_out=0.25)
    assert (mine.name, mine.train, mine.held_out) == ("mine", "abcdefghi", "j\nx")
    assert repr(mine) == "PlainText('mine', 9 + 3 characters)"
    folder = write(tmp_path / "tinyshakespeare", input__txt="another text")
    assert load_shakespeare(tmp_path).text == "another text" == load_shakespeare(folder).text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"a\nb\xff\n", "line 2: not UTF-8"),
        (b"a", "too"),
        (gzip.compress(b"some text", mtime=0)[:-9], "is damaged"),
        (b"\x1f\x8bnot gzip", "is damaged"),
    ],
)
def test_texts_that_are_none(tmp_path, content, message):
    (tmp_path / "input.txt").write_bytes(content)
    with pytest.raises(ValueError, match=message) as info:
        load_shakespeare(tmp_path)
    assert "input.txt" in str(info.value)


def test_a_text_too_large(tmp_path, monkeypatch):
    monkeypatch.setattr("minitransformer.storage.text_files.MAX_TEXT", 100)
    write(tmp_path, a__gz=b"a" * 101, b__txt=b"a" * 101, c__txt=b"a" * 100)
    for name in ("a.gz", "b.txt"):
        with pytest.raises(ValueError, match="larger than the allowed 100 bytes"):
            load_shakespeare(tmp_path / name)
    assert len(load_shakespeare(tmp_path / "c.txt").text) == 100


def test_where_a_corpus_is_looked_for(tmp_path, monkeypatch, nothing_fetched):
    with pytest.raises(
        ValueError, match="does not contain tiny Shakespeare: looked in it for tinysh"
    ):
        load_shakespeare(tmp_path)
    with pytest.raises(FileNotFoundError, match="data_dir names a folder that does not exist"):
        load_shakespeare(tmp_path / "absent")
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    for load in (load_shakespeare, load_names, load_multi30k):
        with pytest.raises(OSError, match="no network"):
            load()
    assert nothing_fetched == ["shakespeare", "names", "multi30k/test_2016_flickr.en"]
    write(tmp_path / "tinyshakespeare", input__txt="a text")
    assert load_shakespeare().text == "a text"


@pytest.mark.parametrize("share", [0.0, 1.0, 1, -0.1, "0.1", None])
def test_shares_that_are_none(tmp_path, share):
    with pytest.raises(ValueError, match="held_out must be a fraction"):
        load_shakespeare(write(tmp_path, input__txt="a text"), held_out=share)


def test_names_are_in_one_part_only(tmp_path):
    lines = [f"name{i}" for i in range(100)]
    write(tmp_path, names__txt="\n".join([*lines, "", *lines[:50], " name3 "]))
    names = load_names(tmp_path)
    assert [len(names.train), len(names.validation), len(names.test)] == [80, 10, 10]
    assert sorted(names.train + names.validation + names.test) == sorted(lines)
    assert load_names(tmp_path) == names
    assert load_names(tmp_path, seed=1) != names
    assert len(load_names(tmp_path, validation=0, test=0).train) == 100
    with pytest.raises(ValueError, match="seed must be >= 0, got -1"):
        load_names(tmp_path, seed=-1)
    for wrong in ({"validation": 0.9}, {"test": -0.1}, {"test": "a"}):
        with pytest.raises(ValueError, match="must be a fraction"):
            load_names(tmp_path, **wrong)


def test_names_as_published():
    names = load_names(published("names"))
    assert [len(names.train), len(names.validation), len(names.test)] == [23_595, 2_950, 2_949]


# --- parallel text


EN, DE = "A dog.\nTwo men.\nA cat.\n", "Ein Hund.\nZwei M\u00e4nner.\nEine Katze.\n"


def test_multi30k_as_published():
    data = load_multi30k(published("multi30k"))
    assert repr(data) == (
        "ParallelDataset('multi30k', en to de, train: 29000, validation: 1014, test_2016_flickr: "
        "1000, test_2017_flickr: 1000, test_2017_mscoco: 461, test_2018_flickr: 1071)"
    )
    assert data.train.source[0] == "Two young, White males are outside near many bushes."
    french = load_multi30k(published("multi30k"), "fr", "en")
    assert french.train.target == data.train.source
    assert not set(data.tests["test_2016_flickr"].source) & set(data.train.source)


def test_a_parallel_corpus_of_ones_own(tmp_path):
    write(
        tmp_path,
        train__en=EN,
        train__de__gz=DE,
        val__en=EN,
        val__de=DE,
        test_2016_flickr__en=EN,
        test_2016_flickr__de=DE,
        test_2017_flickr__en=EN,
    )
    data = load_multi30k(tmp_path)
    assert data.train.source == ["A dog.", "Two men.", "A cat."]
    assert data.train.target == ["Ein Hund.", "Zwei M\u00e4nner.", "Eine Katze."]
    assert list(data.tests) == ["test_2016_flickr"]  # the other test set lacks one of its two files
    assert load_multi30k(tmp_path, "de", "en").train.source == data.train.target
    (tmp_path / "multi30k").mkdir()
    for path in tmp_path.glob("*.*"):
        path.rename(tmp_path / "multi30k" / path.name)
    assert load_multi30k(tmp_path) == data


@pytest.mark.parametrize(
    ("en", "de", "message"),
    [
        (EN, DE + "Noch einer.\n", "de and .*en are misaligned at line 4: the first has 4 lines"),
        (
            EN + "One\nTwo\n",
            DE,
            "en and .*de are misaligned at line 4: the first has 5 lines, the sec",
        ),
        (
            EN.replace("Two men.", " "),
            DE,
            "en and .*de are misaligned at line 2: the first is blank",
        ),
        (EN, DE.replace("Ein Hund.", ""), r"line 1: .*the second has 'A dog\.'"),
        (EN.encode() + b"\xff\n", DE, "train.en, line 4: not UTF-8"),
        (EN, "\n\n", "train.de is empty"),
    ],
)
def test_misaligned_files_are_refused_with_the_line(tmp_path, en, de, message):
    write(tmp_path, train__en=en, train__de=de)
    with pytest.raises(ValueError, match=message):
        read_parallel(tmp_path / "train.en", tmp_path / "train.de")


def test_blank_lines_and_line_ends(tmp_path):
    write(tmp_path, a="\ufeffone \r\n\r\ntwo\u2028too\n\n\n", b=" eins\n \nzwei")
    parallel = read_parallel(tmp_path / "a", tmp_path / "b")
    assert parallel.source == ["one", "two\u2028too"]  # a pair of blank lines is left out
    assert parallel.target == ["eins", "zwei"]


def test_a_damaged_part(tmp_path):
    write(tmp_path, train__en=EN, train__de__gz=DE)
    path = tmp_path / "train.de.gz"
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(ValueError, match="train.de.gz is damaged"):
        read_parallel(tmp_path / "train.en", path)


def test_a_corpus_that_is_not_there(tmp_path, nothing_fetched):
    with pytest.raises(
        ValueError, match="does not contain Multi30k: looked in it and in its folder"
    ):
        load_multi30k(tmp_path)
    write(tmp_path, train__en=EN, train__de=DE)
    with pytest.raises(ValueError, match="does not contain both val.en and val.de"):
        load_multi30k(tmp_path)
    with pytest.raises(ValueError, match="must be different languages, got 'en' twice"):
        load_multi30k(tmp_path, target="en")
    with pytest.raises(ValueError, match="target must be one of en, de, fr, got 'nl'"):
        load_multi30k(target="nl")
    with pytest.raises(FileNotFoundError):
        load_multi30k(tmp_path / "absent")
    assert nothing_fetched == []
