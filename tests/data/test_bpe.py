"""Byte-level BPE, compared with textbook algorithms and stored ids of GPT-2, on any string."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from minitransformer.data import ByteLevelBPE
from minitransformer.data.tokenizers.bpe import merges as byte_pairs
from minitransformer.data.tokenizers.bpe import piece_encoder
from minitransformer.data.tokenizers.bpe.byte_symbols import SYMBOLS, from_symbols, to_symbols
from minitransformer.data.tokenizers.bpe.merges import learn_merges, merge_pairs
from tests.support.published_tables import STORED, published, write_small_bpe

TEXT = (
    "the cat and the hat: they're here, there, anywhere! caf\u00e9 na\u00efve "
    "\U0001f917\U0001f917 \u4f60\u597d\u4f60\u597d 1234 12 aaaa aaaa  \n\n  the end"
)
anything = st.text(st.characters(exclude_categories=()))  # including halves of surrogate pairs
TRAINED = ByteLevelBPE.train([TEXT], 60)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return ByteLevelBPE.from_gpt2(write_small_bpe(tmp_path_factory.mktemp("small")))


# --- learning


def textbook_merges(pieces, n_merges, min_count):
    """Sennrich et al., algorithm 1: count all pairs again for each merge."""
    words = {piece: tuple(piece) for piece in pieces}
    merges = []
    while len(merges) < n_merges:
        counts = Counter()
        for piece, symbols in words.items():
            for pair in zip(symbols, symbols[1:], strict=False):
                counts[pair] += pieces[piece]
        best = min(counts, key=lambda pair: (-counts[pair], pair), default=None)
        if best is None or counts[best] < min_count:
            break
        new = 256 + len(merges)
        words = {piece: replaced(symbols, best, new) for piece, symbols in words.items()}
        merges.append(best)
    return merges


def replaced(symbols, pair, new):
    out, i = [], 0
    while i < len(symbols):
        if tuple(symbols[i : i + 2]) == pair:
            out.append(new)
            i += 2
        else:
            out.append(symbols[i])
            i += 1
    return tuple(out)


@given(
    st.dictionaries(
        st.text("ab\u00e9", min_size=1, max_size=12).map(str.encode), st.integers(1, 5), max_size=8
    ),
    st.integers(0, 30),
    st.integers(1, 4),
)
@example({b"aaaaaaa": 1, b"aaaa": 3, b"ababab": 2}, 30, 1)
def test_merges_are_those_of_the_textbook(pieces, n_merges, min_count):
    expected = textbook_merges(pieces, n_merges, min_count)
    assert learn_merges(pieces, n_merges, min_count) == expected


def test_merges_of_a_longer_text_are_those_of_the_textbook():
    rng = np.random.default_rng(0)
    pieces = Counter(
        bytes(rng.choice(list(b"abcdefgh"), size=rng.integers(1, 10)).tolist()) for _ in range(400)
    )
    assert learn_merges(pieces, 150, 2) == textbook_merges(pieces, 150, 2)


def test_learning_looks_at_each_place_once(monkeypatch):
    """The work is proportional to the text length, not to that times the number of merges."""

    class Counted(list):
        read = 0

        def __getitem__(self, i):
            Counted.read += 1
            return super().__getitem__(i)

    build = byte_pairs._Chain.__init__

    def counted(self, pieces):
        build(self, pieces)
        self.symbols = Counted(self.symbols)

    monkeypatch.setattr(byte_pairs._Chain, "__init__", counted)
    rng = np.random.default_rng(0)
    pieces = {bytes(rng.choice(list(b"abcd"), size=9).tolist()): 1 for _ in range(2000)}
    assert len(learn_merges(pieces, 5000, 2)) > 700
    assert Counted.read < 8 * sum(map(len, pieces))


def test_special_tokens_bytes_merges():
    assert TRAINED.tokens[:3] == ["<pad>", "<start>", "<end>"]
    assert (TRAINED.pad_id, TRAINED.start_id, TRAINED.end_id) == (0, 1, 2)
    assert [TRAINED.decode_bytes([3 + byte]) for byte in range(256)] == [
        bytes([byte]) for byte in range(256)
    ]
    assert TRAINED.decode([259]) == "he"  # the most frequent pair
    plain = ByteLevelBPE.train([TEXT], 60, specials=False)
    assert plain.decode_bytes(np.arange(256)) == bytes(range(256))
    assert (plain.pad_id, plain.start_id, plain.end_id) == (None, None, None)
    assert len(TRAINED) == len(plain) + 3
    np.testing.assert_array_equal(TRAINED.encode(TEXT), plain.encode(TEXT) + 3)


def test_merges_run_out():
    assert len(ByteLevelBPE.train(["ab"], 1000)) == 259
    assert len(ByteLevelBPE.train(["ab"], 1000, min_count=1)) == 260
    assert len(ByteLevelBPE.train(["ab"], 0)) == 259


@pytest.mark.parametrize(
    ("texts", "options", "message"),
    [
        ("one string", {}, "texts must be a list of strings, got one string"),
        ([], {}, "texts must contain at least one character"),
        ([""], {}, "texts must contain at least one character"),
        (["a", 3], {}, "text must be a string, got int"),
        (["a"], {"n_merges": -1}, "n_merges must be >= 0, got -1"),
        (["a"], {"n_merges": 2.0}, "n_merges must be a whole number"),
        (["a"], {"n_merges": True}, "n_merges must be a whole number"),
        (["a"], {"min_count": 0}, "min_count must be >= 1"),
        (["a"], {"pattern": "gpt3"}, "pattern must be one of gpt2, .*, whole, got 'gpt3'"),
    ],
)
def test_what_cannot_be_learned_from(texts, options, message):
    with pytest.raises((ValueError, TypeError), match=message):
        ByteLevelBPE.train(texts, **{"n_merges": 5} | options)


# --- merging


def textbook_merged(symbols, ranks, results):
    """GPT-2's algorithm: merge the pair of lowest rank everywhere, and repeat."""
    symbols = tuple(symbols)
    while True:
        pairs = set(zip(symbols, symbols[1:], strict=False)) & set(ranks)
        if not pairs:
            return list(symbols)
        best = min(pairs, key=ranks.get)
        symbols = replaced(symbols, best, results[ranks[best]])


@given(st.lists(st.integers(0, 3), max_size=40), st.data())
def test_merging_is_that_of_the_textbook(symbols, data):
    """Some tables cannot come from training: in these, a merge comes before one that it needs."""
    pairs = []
    for new in range(4, 4 + data.draw(st.integers(0, 12))):
        pair = st.tuples(st.integers(0, new - 1), st.integers(0, new - 1))
        pairs.append((data.draw(pair.filter(lambda p: p not in [q for q, _ in pairs])), new))
    pairs = data.draw(st.permutations(pairs))
    ranks = {pair: rank for rank, (pair, _) in enumerate(pairs)}
    results = [new for _, new in pairs]
    assert merge_pairs(symbols, ranks, results) == textbook_merged(symbols, ranks, results)


def test_a_round_is_finished_before_the_next_pair_is_looked_for():
    """The result of the first of two merges could be merged again before the second is done."""
    ranks, results = {(4, 0): 0, (0, 1): 1}, [5, 4]
    assert textbook_merged([0, 1, 0, 1], ranks, results) == [4, 4]
    assert merge_pairs([0, 1, 0, 1], ranks, results) == [4, 4]


def test_merging_a_long_piece_takes_no_quadratic_time():
    class Counted(dict):
        asked = 0

        def __contains__(self, key):
            Counted.asked += 1
            return super().__contains__(key)

        def get(self, key):
            Counted.asked += 1
            return super().get(key)

    n = 20_000
    ranks = Counted({(97, 97): 0, (256, 256): 1, (257, 257): 2, (98, 99): 3})
    assert merge_pairs([97] * n, ranks, [256, 257, 258, 259]) == [258] * (n // 8)
    assert Counted.asked < 8 * n


def test_long_inputs_of_every_class():
    for text in (
        "a" * 100_000,
        " " * 100_000 + "b",
        "!" * 100_000,
        "\n" * 99_999,
        "1" * 100_000,
        "\u4f60" * 50_000,
    ):
        assert TRAINED.decode(TRAINED.encode(text)) == text


def test_the_cache_is_bounded(monkeypatch):
    monkeypatch.setattr(piece_encoder, "CACHED_PIECES", 50)
    bpe = ByteLevelBPE.train([TEXT], 20)
    for i in range(500):
        bpe.encode(f" {i}x{'long' * 50}")
    assert bpe._encode_piece.cached.cache_info().maxsize == 50
    assert bpe._encode_piece.cached.cache_info().currsize == 50
    before = bpe._encode_piece.cached.cache_info().misses
    assert bpe.decode(bpe.encode("long" * 50)) == "long" * 50
    assert bpe._encode_piece.cached.cache_info().misses == before  # too long for the cache


# --- any string


@given(anything)
@example("\ud83d\ude00")  # the two halves of an emoji, as separate characters
@example("\U0001f600")
@example("\udcff\ud800a\udfff")
@example("<pad><start><end><|endoftext|>")
@example("\x00 \ufffd\r\n\u2028\x85")
def test_the_bytes_of_every_string_come_back(text):
    for bpe in (TRAINED, ByteLevelBPE.train(["a"], 0, pattern="llama3")):
        ids = bpe.encode(text)
        assert ids.dtype == np.int64
        assert ids.ndim == 1
        content = text.encode("utf-8", "surrogatepass")
        assert bpe.decode_bytes(ids) == content
        assert bpe.decode(ids) == content.decode("utf-8", "replace")


@given(st.binary())
@example(b"\xed\xa0\x80\xff\xc3")
def test_all_bytes_come_back(content):
    assert TRAINED.decode_bytes(TRAINED.encode(content)) == content


@given(st.text())
def test_bytes_and_their_text_have_the_same_ids(text):
    np.testing.assert_array_equal(TRAINED.encode(text), TRAINED.encode(text.encode()))


@given(st.binary(max_size=12))
@example(b"a\xed\xa0\x80b")  # half of a surrogate pair
@example(b"\xed\xa0\xbd\xed\xb8\x80")  # both halves
def test_broken_bytes_decode_to_the_replacement_character(content):
    assert TRAINED.decode(TRAINED.encode(content)) == content.decode("utf-8", "replace")


def test_decoding_leaves_special_tokens_out():
    ids = [1, *TRAINED.encode("the hat"), 2, 0, 0]
    assert TRAINED.decode(ids) == "the hat"
    assert TRAINED.decode([]) == ""


def test_symbols_of_bytes():
    assert len(set(SYMBOLS)) == 256
    assert all(symbol.isprintable() and not symbol.isspace() for symbol in SYMBOLS)
    assert to_symbols(b" a\n\xe9") == "\u0120a\u010a\u00e9"
    assert from_symbols(to_symbols(bytes(range(256)))) == bytes(range(256))
    with pytest.raises(ValueError, match="represents no byte"):
        from_symbols("a b")


# --- stored ids


def test_ids_of_the_small_table(small):
    for text, ids in zip(STORED["texts"], STORED["small bpe"]["ids"], strict=True):
        assert small.encode(text).tolist() == ids, ascii(text)


def test_the_very_ids_of_gpt2():
    gpt2 = ByteLevelBPE.from_gpt2(published("gpt2_bpe"))
    assert (len(gpt2), gpt2.start_id, gpt2.end_id, gpt2.pad_id) == (50_257, 50_256, 50_256, None)
    stored = STORED["gpt2"]
    for text, ids in zip(STORED["texts"], stored["ids"], strict=True):
        assert gpt2.encode(text).tolist() == ids, ascii(text)
        assert gpt2.decode(ids) == text
    for content, ids in zip(STORED["bytes"], stored["ids of bytes"], strict=True):
        assert gpt2.encode(bytes(content)).tolist() == ids, content
        assert gpt2.decode_bytes(ids) == bytes(content)
