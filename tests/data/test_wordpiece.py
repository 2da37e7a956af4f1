"""BERT's WordPiece: stored ids, and its rules one by one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitransformer.data import WordPiece
from minitransformer.data.tokenizers.wordpiece import split_words
from tests.support.published_tables import STORED, published

SMALL = STORED["small wordpiece"]["vocabulary"]
PIECES = WordPiece(SMALL)


@pytest.mark.parametrize(("lower_case", "key"), [(True, "ids"), (False, "ids of cased")])
def test_ids_of_the_small_vocabulary(lower_case, key):
    pieces = WordPiece(SMALL, lower_case)
    for text, ids in zip(STORED["texts"], STORED["small wordpiece"][key], strict=True):
        assert pieces.encode(text).tolist() == ids, ascii(text)


def test_the_very_ids_of_bert():
    bert = WordPiece.from_file(published("bert_vocab"))
    assert bert == WordPiece.from_file(published("bert_vocab/vocab.txt"))
    assert (len(bert), bert.pad_id, bert.start_id, bert.end_id) == (30_522, 0, 101, 102)
    assert (bert.unknown_id, bert.mask_id) == (100, 103)
    for text, ids in zip(STORED["texts"], STORED["bert"]["ids"], strict=True):
        assert bert.encode(text).tolist() == ids, ascii(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Hello, World!", "hello , world !"),
        ("Caf\u00e9 CAFE\u0301 \u00c5ngstr\u00f6m Stra\u00dfe", "cafe cafe angstrom stra\u00dfe"),
        ("\u4f60\u597d\u4e16", "\u4f60 \u597d \u4e16"),
        ("x\u4f60y", "x \u4f60 y"),
        ("\u3053\u3093 \uc548\ub155", "\u3053\u3093 \u110b\u1161\u11ab\u1102\u1167\u11bc"),
        ("$5+3^2~`x`", "$ 5 + 3 ^ 2 ~ ` x `"),
        ("don't", "don ' t"),
        ("\u201ca\u201d", "\u201c a \u201d"),
        ("a\u00a0b\u3000c\td\ne\rf", "a b c d e f"),
        ("a\u200bb\x00c\ufffdd\x7fe", "abcde"),
        ("[MASK]", "[ mask ]"),
        ("", ""),
        (" \n\u200b", ""),
    ],
)
def test_words(text, words):
    assert split_words(text) == words.split()


def test_capitals_and_accents_may_stay():
    assert split_words("Caf\u00e9, \u4f60A", lower_case=False) == ["Caf\u00e9", ",", "\u4f60", "A"]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("unaffable", "un ##aff ##able"),
        ("abc", "abc"),
        ("abbc", "ab ##bc"),
        ("abcb", "abc ##b"),
        ("abq", "[UNK]"),
        ("qab", "[UNK]"),
        ("wwwwwwwwwww", "w ##wwwwwwwwww"),
    ],
)
def test_the_longest_piece_first(text, tokens):
    assert [PIECES.tokens[i] for i in PIECES.encode(text)] == tokens.split()


def test_a_word_of_more_than_a_hundred_characters_is_unknown():
    assert PIECES.unknown_id not in PIECES.encode("w" * 100)
    assert PIECES.encode("w" * 101).tolist() == [PIECES.unknown_id]
    assert PIECES.encode("x " + "w" * 101 + " x").tolist().count(PIECES.unknown_id) == 1


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_has_ids(text):
    ids = PIECES.encode(text)
    assert PIECES.encode(PIECES.decode(ids).replace("[UNK]", "q")).tolist() == ids.tolist()


def test_decoding_attaches_pieces_and_punctuation():
    assert PIECES.decode(PIECES.encode("Hello, world! unaffable?")) == "hello, world! unaffable?"
    assert PIECES.decode([2, *PIECES.encode("the zebra"), 3, 0]) == "the [UNK]"
    assert PIECES.decode([SMALL.index("##aff")]) == "##aff"  # there is no piece to attach it to


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a\nb\n", r"must contain \[UNK\]"),
        ("[UNK]\na\na\n", "tokens must be unique, got 'a' twice"),
        ("[UNK]\n\na\n", "tokens must be non-empty"),
        ("", "vocab.txt is empty"),
    ],
)
def test_files_that_are_no_vocabulary(tmp_path, content, message):
    (tmp_path / "vocab.txt").write_text(content)
    with pytest.raises(ValueError, match=message):
        WordPiece.from_file(tmp_path)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ValueError, match="does not contain BERT's vocabulary: looked in it for"):
        WordPiece.from_file(tmp_path)
    with pytest.raises(FileNotFoundError):
        WordPiece.from_file(tmp_path / "absent")
