"""The steps of published tokenizers before merging: digits, normal forms, spaces, missing bytes."""

import copy
import json
import pickle
import unicodedata
import warnings

import numpy as np
import pytest

from minitransformer.data import ByteLevelBPE, load_tokenizer
from minitransformer.data.tokenizers.bpe.pieces import PATTERNS, normalizer
from tests.support.published_tables import STORED, write_small_bpe

SMALL = STORED["small bpe"]["vocabulary"]
MERGES = STORED["small bpe"]["merges"]
N = len(SMALL)
BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}
TEXTS = [
    "Hello world, 12345 and \u00bd \u00b2 \u0663\u0664 \u216b!", "na\u00efve caf\u00e9 cafe\u0301",
    "A\u030a \u212b \u1e9b\u0323 \ufb01", "  two  spaces\n\nnew\tlines \r\n end ", "1", "", " a",
    "a<think>b <think>\u0338 <x> 7<think>7", "\u1100\u1161 \uac00", "\u0338<x>\u0301 e\u0301<x>",
]  # fmt: skip


def made(folder, **changes):
    """The tokenizer of a tokenizer.json with the small table, read, saved and read again."""
    content = {
        "pre_tokenizer": BYTE_LEVEL,
        "model": {"type": "BPE", "vocab": dict(SMALL), "merges": list(MERGES)},
    }
    content["model"] |= changes.pop("model", {})
    path = folder / "tokenizer.json"
    path.write_text(json.dumps(content | changes), encoding="utf-8")
    bpe = ByteLevelBPE.from_huggingface(folder)
    bpe.save(folder / "saved.json")
    again = load_tokenizer(folder / "saved.json")
    assert again == bpe
    return again


def sequence(*steps):
    return {"type": "Sequence", "pretokenizers": list(steps)}


def pieces(bpe, text):
    """The text of each token; the small table has the merges 1 2 and 12 3."""
    return [bpe.decode([i]) for i in bpe.encode(text)]


@pytest.mark.parametrize(
    ("individual", "expected"),
    [(True, ["1", "2", "3", " ", "1", "2"]), (False, ["123", " ", "12"])],
)
def test_digits(tmp_path, individual, expected):
    step = {"type": "Digits", "individual_digits": individual}
    bpe = made(tmp_path, pre_tokenizer=sequence(step, BYTE_LEVEL))
    assert pieces(bpe, "123 12") == expected
    assert bpe.decode(bpe.encode("\u0663\u0664 \u00bd7")) == "\u0663\u0664 \u00bd7"


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
def test_normal_forms(tmp_path, form):
    for step in ({"type": form}, {"type": "Sequence", "normalizers": [{"type": form}]}):
        bpe = made(tmp_path, normalizer=step)
        for text in TEXTS:
            assert bpe.decode(bpe.encode(text)) == unicodedata.normalize(form, text)
    assert made(tmp_path, normalizer={"type": "Sequence", "normalizers": []}) == made(tmp_path)


def test_a_normal_form_of_many_marks_takes_linear_time():
    """Python's takes a minute for this text; the marks must also come in the right order."""
    for form in ("NFC", "NFD"):
        mixed = "a" + "\u0301\u0323\u0344\u0f73" * 40 + "b" + "\u0323\u0301" * 20
        assert normalizer(form)(mixed) == unicodedata.normalize(form, mixed)
        assert len(normalizer(form)("a" + "\u0301\u0323" * 100_000)) > 199_000


def test_a_space_before_a_text(tmp_path):
    step = BYTE_LEVEL | {"add_prefix_space": True}
    bpe = made(tmp_path, pre_tokenizer=step)
    assert [bpe.decode(bpe.encode(t)) for t in ("a b", " a", "", "\na")] == [
        " a b",
        " a",
        "",
        " \na",
    ]
    digits = {"type": "Digits", "individual_digits": True}
    bpe = made(tmp_path, pre_tokenizer=sequence(digits, step))
    assert bpe.decode(bpe.encode("a12")) == " a 1 2"
    whole = made(tmp_path, pre_tokenizer=step | {"use_regex": False})
    assert whole.decode(whole.encode("a b")) == " a b"
    (tmp_path / "tokenizer_config.json").write_text('{"add_prefix_space": false}')
    with pytest.raises(ValueError, match="add_prefix_space = False, but tokenizer.json adds a sp"):
        made(tmp_path, pre_tokenizer=step)


def test_two_tables_with_a_space_before_a_text(tmp_path):
    folder = write_small_bpe(tmp_path)
    (folder / "tokenizer_config.json").write_text('{"add_prefix_space": true}')
    bpe = ByteLevelBPE.from_huggingface(folder)
    assert bpe.decode(bpe.encode("a")) == " a"
    (folder / "tokenizer_config.json").write_text('{"add_prefix_space": 1}')
    with pytest.raises(ValueError, match="config.json: add_prefix_space must be true or false"):
        ByteLevelBPE.from_huggingface(folder)


def test_missing_bytes(tmp_path):
    table = {"a": 0, "b": 1, "ab": 2, "\u0120": 3, "<unk>": 4}
    model = {"vocab": table, "merges": ["a b"]}
    bpe = made(tmp_path, model=model)
    with pytest.warns(UserWarning, match="no token for the byte 0x78, as in 'axb': such bytes"):
        bpe.encode("axb")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # one warning is enough
        bpe.encode("azb")
    # Left out before merging, as in the tokenizers library
    assert bpe.encode("axb ab \u00e9").tolist() == [2, 3, 2, 3]
    unknown = [{"id": 4, "content": "<unk>", "special": True}]
    bpe = made(tmp_path, model=model | {"unk_token": "<unk>"}, added_tokens=unknown)
    assert bpe.unknown_id == 4
    assert bpe.encode("axb ab \u00e9").tolist() == [0, 4, 1, 3, 2, 3, 4, 4]
    fused = model | {"unk_token": "<unk>", "fuse_unk": True}
    bpe = made(tmp_path, model=fused, added_tokens=unknown)
    assert bpe.encode("axyb ab \u00e9x y").tolist() == [0, 4, 1, 3, 2, 3, 4, 3, 4]
    with pytest.raises(ValueError, match="model.unk_token must be a token, because 253 .*'<x>'"):
        made(tmp_path, model=model | {"unk_token": "<x>"})
    with pytest.raises(ValueError, match="the token '\u0100' is missing"):
        ByteLevelBPE(table, [("a", "b")])


def test_what_is_between_the_matches_may_also_be_removed(tmp_path):
    """A pattern that covers the whole text leaves nothing between its matches."""
    last = BYTE_LEVEL | {"use_regex": False}
    split = {"type": "Split", "pattern": {"Regex": PATTERNS["llama3"]}}
    isolated = split | {"behavior": "Isolated", "invert": False}
    removed = split | {"behavior": "Removed", "invert": True}
    kept = made(tmp_path, pre_tokenizer=sequence(isolated, last))
    assert made(tmp_path, pre_tokenizer=sequence(removed, last)) == kept


def test_truncation_and_padding_are_left_over(tmp_path):
    left = {"truncation": {"max_length": 4}, "padding": {"strategy": {"Fixed": 9}}}
    assert made(tmp_path, **left) == made(tmp_path)


def test_added_tokens_before_and_after_normalization(tmp_path):
    added = [
        {"id": N, "content": "<x>", "special": False, "normalized": False},
        {"id": N + 1, "content": "<e\u0301>", "special": False, "normalized": True},
    ]
    bpe = made(tmp_path, added_tokens=added, normalizer={"type": "NFC"})
    # In NFC, ">" and U+0338 are one character, so only the token that is found before is there
    assert bpe.encode("<x>\u0338")[0] == N
    for text in ("<e\u0301>", "<\u00e9>"):
        assert bpe.encode(text).tolist() == [N + 1]
    assert N + 1 not in bpe.encode("<\u00e9>\u0338")


@pytest.mark.parametrize("options", [{}, {"pattern": ["digits", "gpt2"], "prefix_space": True}])
def test_copies(options):
    pairs = [merge.split(" ") for merge in MERGES]
    bpe = ByteLevelBPE(SMALL, pairs, normalization="NFC", **options)
    for other in (pickle.loads(pickle.dumps(bpe)), copy.deepcopy(bpe)):  # noqa: S301
        assert other == bpe
        np.testing.assert_array_equal(other.encode("Hello 123"), bpe.encode("Hello 123"))


@pytest.mark.parametrize("pattern", ["gpt3", [], ["gpt2", "x"], [["gpt2"]], None, 3])
def test_patterns_that_are_none(pattern):
    with pytest.raises(ValueError, match="pattern must be one of gpt2"):
        ByteLevelBPE(SMALL, [], pattern=pattern)


@pytest.mark.filterwarnings("ignore:the tokenizer has no token")
@pytest.mark.parametrize("form", [None, "NFC", "NFKD"])
@pytest.mark.parametrize("space", [False, True])
@pytest.mark.parametrize("first", [[], ["individual"], ["runs"], ["llama3"], ["qwen2", "runs"]])
@pytest.mark.parametrize("partial", [False, True])
def test_the_ids_are_those_of_the_library(tmp_path, form, space, first, partial):
    tokenizers = pytest.importorskip("tokenizers")
    steps = {
        "individual": {"type": "Digits", "individual_digits": True},
        "runs": {"type": "Digits", "individual_digits": False},
    }
    for name in ("llama3", "qwen2"):
        split = {"type": "Split", "behavior": "Isolated", "invert": False}
        steps[name] = split | {"pattern": {"Regex": PATTERNS[name]}}
    last = BYTE_LEVEL | {"add_prefix_space": space, "trim_offsets": True}
    last["use_regex"] = not {"llama3", "qwen2"} & set(first)
    token = {"single_word": False, "lstrip": False, "rstrip": False, "special": False}
    table = {"a": 0, "b": 1, "1": 2, "\u0120": 3, "\u00c3": 4, "\u0120a": 5} if partial else SMALL
    names = {"<think>": False, "<x>": True}
    rows = enumerate(names.items(), start=len(table))
    bpe = made(
        tmp_path,
        version="1.0",
        normalizer=form and {"type": form},
        pre_tokenizer=sequence(*(steps[name] for name in first), last),
        decoder=last,
        added_tokens=[token | {"id": i, "content": n, "normalized": f} for i, (n, f) in rows],
        model={"vocab": dict(table)} | ({"merges": ["\u0120 a"]} if partial else {}),
    )
    library = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    for text in TEXTS:
        assert bpe.encode(text).tolist() == library.encode(text).ids
        assert bpe.decode(bpe.encode(text)) == library.decode(library.encode(text).ids)
