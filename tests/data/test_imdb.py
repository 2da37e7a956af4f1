"""The IMDB reader on tiny archives made here, and on the real reviews if they are available."""

import gzip
import io
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest

from minitransformer.data.corpora.imdb import UNLABELLED_FILE, clean, load_imdb
from minitransformer.storage import DownloadError
from minitransformer.storage.download import VARIABLE

FOLDERS = [os.environ.get(VARIABLE), Path(__file__).parents[3] / "shared" / "data"]
REAL = [
    path
    for folder in FOLDERS
    if folder
    for place in ("", "imdb")
    for path in (Path(folder) / place).glob("aclImdb_labeled_50k.tar.gz")
]


def reviews(n=20, unlabelled=3):
    """Files of a small data set by name, including some other files of the original archive."""
    files = {
        "aclImdb/README": b"about",
        "aclImdb/imdb.vocab": b"good\nbad",
        "aclImdb/train/labeledBow.feat": b"9 0:1",
        "aclImdb/train/urls_pos.txt": b"http://",
    }
    for part in ("train", "test"):
        for label, stars in (("neg", 2), ("pos", 9)):
            for i in range(n):
                text = f"{part} {label} number {i}<br /><br />Second paragraph."
                files[f"aclImdb/{part}/{label}/{i}_{stars}.txt"] = text.encode()
    for i in range(unlabelled):
        files[f"aclImdb/train/unsup/{i}_0.txt"] = f"unlabelled {i}".encode()
    return files


def pack(path, files):
    with tarfile.open(path, "w:gz") as out:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            out.addfile(info, io.BytesIO(content))
    return path


def unpack(folder, files):
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def unlabelled_lines(path, *lines):
    path.write_bytes(gzip.compress("".join(line + "\n" for line in lines).encode()))


@pytest.fixture(autouse=True)
def no_download(monkeypatch, tmp_path):
    monkeypatch.delenv(VARIABLE, raising=False)

    def fetch(name, **options):
        raise DownloadError(f"tried to download {name}")

    monkeypatch.setattr("minitransformer.data.corpora.imdb.fetch", fetch)


def same(one, other):
    return all(
        a.texts == b.texts and (a.labels == b.labels).all()
        for a, b in zip(
            (one.train, one.validation, one.test, *one.extra.values()),
            (other.train, other.validation, other.test, *other.extra.values()),
            strict=True,
        )
    )


def test_every_place_gives_the_same(tmp_path, monkeypatch):
    files = reviews()
    archive = pack(tmp_path / "aclImdb_v1.tar.gz", files)
    dataset = load_imdb(archive, unlabelled=True)
    assert [len(part) for part in (dataset.train, dataset.validation, dataset.test)] == [36, 4, 40]
    assert dataset.class_names == ("negative", "positive")
    assert dataset.test.texts[0] == "test neg number 0 Second paragraph."
    assert all(
        ("pos" in text) == label
        for text, label in zip(
            dataset.train.texts + dataset.test.texts,
            np.append(dataset.train.labels, dataset.test.labels),
            strict=True,
        )
    )
    assert dataset.extra["unlabelled"].texts == [f"unlabelled {i}" for i in range(3)]
    assert (dataset.extra["unlabelled"].labels == -1).all()
    folder = unpack(tmp_path / "unpacked", files)
    (tmp_path / "a" / "imdb").mkdir(parents=True)
    archive.rename(tmp_path / "a" / "imdb" / archive.name)
    for place in (folder, folder / "aclImdb", tmp_path / "a", tmp_path / "a" / "imdb"):
        assert same(load_imdb(str(place), unlabelled=True, progress=False), dataset)
        monkeypatch.setenv(VARIABLE, str(place))
        assert same(load_imdb(unlabelled=True), dataset)


def test_order_in_the_archive_does_not_matter(tmp_path):
    files = reviews(12)
    one = load_imdb(pack(tmp_path / "aclImdb_a.tar.gz", files))
    assert same(one, load_imdb(pack(tmp_path / "b.tar.gz", dict(reversed(files.items())))))
    assert one.test.texts[10].startswith("test neg number 10")


def test_the_largest_archive_is_taken(tmp_path):
    pack(tmp_path / "aclImdb_few.tar.gz", reviews(5))
    pack(tmp_path / "aclImdb_many.tar.gz", reviews(30))
    assert len(load_imdb(tmp_path).test) == 60


def test_copies(tmp_path):
    files = reviews(20)
    files["aclImdb/train/neg/3_2.txt"] = files["aclImdb/test/neg/5_2.txt"]
    # After cleaning, this text is equal to one of the test part.
    files["aclImdb/train/pos/4_9.txt"] = b"test neg  number 5 Second paragraph.\n"
    for i in (7, 8, 9):
        files[f"aclImdb/train/pos/{i}_9.txt"] = b"three times the same"
    unsup = [
        "new",
        "new",
        "train pos number 1 Second paragraph.",
        "three times the same",
        "test pos number 1<br />Second paragraph.",
    ]
    for i, text in enumerate(unsup):
        files[f"aclImdb/train/unsup/{i}_0.txt"] = text.encode()
    archive = pack(tmp_path / "aclImdb.tar.gz", files)
    for seed in range(10):
        dataset = load_imdb(archive, unlabelled=True, validation=8, seed=seed)
        assert len(dataset.train) == 38 - 8
        assert len(dataset.validation) == 8
        assert len(dataset.test) == 40
        parts = [
            set(part.texts)
            for part in (
                dataset.train,
                dataset.validation,
                dataset.test,
                dataset.extra["unlabelled"],
            )
        ]
        assert len(set.union(*parts)) == sum(map(len, parts))
        assert dataset.train.texts.count("three times the same") == 3
        assert dataset.extra["unlabelled"].texts == ["new"]


def test_validation_part(tmp_path):
    archive = pack(tmp_path / "aclImdb.tar.gz", reviews(50))
    chosen = [load_imdb(archive, validation=0.2, seed=seed).validation for seed in (0, 0, 1)]
    assert chosen[0].texts == chosen[1].texts != chosen[2].texts
    assert np.bincount(chosen[0].labels).tolist() == [10, 10]
    assert len(load_imdb(archive, validation=0).validation) == 0
    for wrong in (-1, 1.0, 100, float("nan"), True, "0.1"):
        with pytest.raises(ValueError, match="validation"):
            load_imdb(archive, validation=wrong)


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        ("One.<br /><br />Two.<BR>Three<br/>", "One. Two. Three"),
        ("<i>Alien</i> is <em class='x'>good</em>", "Alien is good"),
        ("<grin> <bored> 3 < 4 <3 it >.< <sp?", "<grin> <bored> 3 < 4 <3 it >.< <sp?"),
        ("caf&eacute; &amp; bar&#8230; &lt;3", "café & bar… <3"),
        ("it\x92s \x96 well\x85 \x84so\x94 \x80 5", "it’s – well… „so” € 5"),
        ("a\x08b\x81c\x00\td\xa0 e\n\nf", "a b c d e f"),
    ],
)
def test_markup_is_cleaned(raw, cleaned):
    assert clean(raw) == cleaned


def test_unlabelled_reviews_in_a_file_of_their_own(tmp_path):
    archive = pack(tmp_path / "aclImdb.tar.gz", reviews(20, unlabelled=0))
    with pytest.raises(FileNotFoundError, match=UNLABELLED_FILE):
        load_imdb(archive, unlabelled=True)
    unlabelled_lines(tmp_path / UNLABELLED_FILE, "one<br />more", "two")
    assert load_imdb(tmp_path, unlabelled=True).extra["unlabelled"].texts == ["one more", "two"]
    assert load_imdb(tmp_path).extra == {}
    unlabelled_lines(tmp_path / UNLABELLED_FILE, "one", "<br />", "two")
    with pytest.raises(ValueError, match="line 2 is empty"):
        load_imdb(tmp_path, unlabelled=True)
    whole = gzip.compress(b"word\n" * 1000)
    for damaged in (whole[:-20], whole[:10] + b"\xff" * 20, b"no gzip"):
        (tmp_path / UNLABELLED_FILE).write_bytes(damaged)
        with pytest.raises(ValueError, match="truncated or damaged"):
            load_imdb(tmp_path, unlabelled=True)


def test_what_is_not_imdb(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        load_imdb(tmp_path / "absent")
    with pytest.raises(
        ValueError, match=r"not the IMDB data set: looked .*train/neg.*aclImdb\*.tar.gz"
    ):
        load_imdb(tmp_path)
    with pytest.raises(DownloadError, match="tried to download imdb"):
        load_imdb()
    monkeypatch.setenv(VARIABLE, str(tmp_path))  # a folder with only other data
    with pytest.raises(DownloadError, match="tried to download imdb"):
        load_imdb()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"aclImdb/test/neg/3_2.txt": b"\xff\xfe"}, r"test/neg/3_2.txt is not UTF-8"),
        ({"aclImdb/test/neg/3_2.txt": b" <br /> "}, r"test/neg/3_2.txt is empty"),
        ({"aclImdb/test/neg/3_2.txt": b"x" * 2_000_000}, "bytes; allowed"),
        ({"aclImdb/test/../neg/3_2.txt": b"x"}, "leads out"),
    ],
)
def test_damaged_reviews(tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        load_imdb(pack(tmp_path / "aclImdb.tar.gz", reviews() | change))


def test_incomplete_reviews(tmp_path):
    files = {name: text for name, text in reviews().items() if "/test/" not in name}
    for source in (pack(tmp_path / "a.tar.gz", files), unpack(tmp_path / "folder", files)):
        with pytest.raises(ValueError, match="no reviews in test/neg, test/pos"):
            load_imdb(source)
    cut = pack(tmp_path / "b.tar.gz", reviews()).read_bytes()[:-100]
    (tmp_path / "b.tar.gz").write_bytes(cut)
    with pytest.raises(ValueError, match="b.tar.gz is damaged"):
        load_imdb(tmp_path / "b.tar.gz")
    (tmp_path / "c.tar.gz").write_text("a review")
    with pytest.raises(ValueError, match="c.tar.gz is damaged"):
        load_imdb(tmp_path / "c.tar.gz")


@pytest.mark.skipif(not REAL, reason=f"no IMDB reviews here ({VARIABLE} names no folder with them)")
def test_the_real_reviews():
    dataset = load_imdb(REAL[0], progress=False)
    removed = 25_000 - len(dataset.train) - len(dataset.validation)
    assert removed == 123
    assert len(dataset.validation) == 2_500
    assert len(set(dataset.train.texts)) == 24_902 - 123 - 2_500
    assert np.bincount(dataset.test.labels).tolist() == [12_500, 12_500]
    assert abs(np.bincount(dataset.validation.labels) - 1_250).max() <= 5
    everything = dataset.train.texts + dataset.validation.texts + dataset.test.texts
    assert not any("<br" in text or "\x85" in text for text in everything)
    assert max(len(text.split()) for text in everything) in range(2_300, 2_600)
