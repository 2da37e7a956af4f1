"""Tables of byte-level BPE from other programs: GPT-2's, Hugging Face's, and refused ones."""

import json
import shutil

import pytest

from minitransformer.data import ByteLevelBPE
from minitransformer.data.tokenizers.bpe.byte_symbols import SYMBOLS
from minitransformer.data.tokenizers.bpe.pieces import PATTERNS
from tests.support.published_tables import STORED, published, write_small_bpe

SMALL = STORED["small bpe"]
TEXTS = STORED["texts"]
N = len(SMALL["vocabulary"])


@pytest.fixture
def folder(tmp_path):
    return write_small_bpe(tmp_path)


def hugging_face(folder, **changes):
    """The small table as a tokenizer.json, with `changes` to its entries (dotted names)."""
    content = {
        "version": "1.0",
        "normalizer": None,
        "post_processor": None,
        "added_tokens": [
            {"id": N, "content": "<s>", "special": True},
            {"id": N + 1, "content": "</s>", "special": True},
        ],
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "byte_fallback": False,
            "vocab": dict(SMALL["vocabulary"]),
            "merges": list(SMALL["merges"]),
        },
    }
    for name, value in changes.items():
        *outer, last = name.split("__")
        place = content
        for key in outer:
            place = place[key]
        place[last] = value
    (folder / "tokenizer.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


def split_by(pattern, **changes):
    first = {
        "type": "Split",
        "pattern": {"Regex": pattern},
        "behavior": "Isolated",
        "invert": False,
    }
    last = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False}
    return {"type": "Sequence", "pretokenizers": [first | changes, last]}


def think(**changes):
    return {"id": N + 2, "content": "<think>", "special": False} | changes


def template(*pieces, ids=(N,)):
    """A post_processor; TEXT stands for the text, the other pieces for special tokens."""
    single = [
        {"Sequence": {"id": "A", "type_id": 0}}
        if piece == "TEXT"
        else {"SpecialToken": {"id": piece, "type_id": 0}}
        for piece in pieces
    ]
    tokens = {p: {"id": p, "ids": list(ids), "tokens": [p]} for p in pieces if p != "TEXT"}
    return {"type": "TemplateProcessing", "single": single, "special_tokens": tokens}


# --- GPT-2's two files


def test_both_names_of_the_files(folder, tmp_path):
    other = write_small_bpe(tmp_path, ("encoder.json", "vocab.bpe"))
    assert ByteLevelBPE.from_gpt2(folder) == ByteLevelBPE.from_gpt2(other)


def test_end_of_text_is_special_where_the_table_has_it(folder):
    assert ByteLevelBPE.from_gpt2(folder).end_id is None
    table = SMALL["vocabulary"] | {"<|endoftext|>": N}
    (folder / "vocab.json").write_text(json.dumps(table), encoding="utf-8")
    bpe = ByteLevelBPE.from_gpt2(folder)
    assert (bpe.start_id, bpe.end_id, bpe.tokens[N]) == (N, N, "<|endoftext|>")
    ids = bpe.encode("a<|endoftext|>")
    assert N not in ids  # the name of a special token in a text is ordinary text
    assert bpe.decode(ids) == "a<|endoftext|>"
    assert bpe.decode([*ids, N]) == "a<|endoftext|>"


def test_merges_may_begin_with_a_number_sign(folder):
    bpe = ByteLevelBPE.from_gpt2(folder)
    table = SMALL["vocabulary"] | {"##": N}
    (folder / "vocab.json").write_text(json.dumps(table), encoding="utf-8")
    (folder / "merges.txt").write_text("# #\n" + "\n".join(SMALL["merges"]), encoding="utf-8")
    assert ByteLevelBPE.from_gpt2(folder).encode("##").tolist() == [N]
    assert bpe.encode("##").tolist() == 2 * [SMALL["vocabulary"]["#"]]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("vocab.json", "[]", "must contain a JSON object, got list"),
        ("vocab.json", "{", "vocab.json cannot be read: not JSON"),
        ("vocab.json", "", "vocab.json cannot be read: not JSON"),
        ("vocab.json", '{"a": 0, "a": 0}', "the key 'a' occurs twice"),
        ("vocab.json", '{"a": 0}', "is missing"),
        ("vocab.json", '{"a": "0"}', "the id of 'a' must be an integer, got '0'"),
        ("vocab.json", '{"a": true}', "the id of 'a' must be an integer, got True"),
        ("vocab.json", '{"a": 7}', "must be 0 to 0, each once"),
        ("vocab.json", '{"a": 0, "b": 0}', "must be 0 to 1, each once"),
        ("vocab.json", '{"a b": 0}', "contains ' ', which represents no byte"),
        ("merges.txt", "h e\nx\n", "merge 2 must be a pair of tokens, got 'x'"),
        ("merges.txt", "h e\na b c\n", "merge 2 must be a pair"),
        ("merges.txt", "h e\nh  e\n", "merge 2 must be a pair"),
        ("merges.txt", "h e\nh e\n", "the pair 'h' 'e' is merged twice"),
        ("merges.txt", "h q\n", "the token 'hq' is missing"),
        ("merges.txt", "h \u4e16\n", "the token '\u4e16' is missing"),
    ],
)
def test_tables_that_are_not_right(folder, name, content, message):
    (folder / name).write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        ByteLevelBPE.from_gpt2(folder)


def test_bytes_that_are_no_utf8(folder):
    (folder / "merges.txt").write_bytes(b"h e\n\xff e\n")
    with pytest.raises(ValueError, match="merges.txt, line 2: not UTF-8"):
        ByteLevelBPE.from_gpt2(folder)


@pytest.mark.parametrize("read", [ByteLevelBPE.from_gpt2, ByteLevelBPE.from_huggingface])
def test_a_table_that_is_not_there(folder, read):
    (folder / "merges.txt").unlink()
    with pytest.raises(FileNotFoundError, match="no encoder.json and vocab.bpe or vocab.json and"):
        read(folder)


def test_without_a_folder_the_data_folder_is_searched(tmp_path, monkeypatch):
    place = published("gpt2_bpe")
    shutil.copytree(place, tmp_path / "gpt2_bpe", copy_function=lambda a, b: shutil.copyfile(a, b))
    monkeypatch.setenv("MINITRANSFORMER_DATA", str(tmp_path))
    assert ByteLevelBPE.from_gpt2() == ByteLevelBPE.from_gpt2(tmp_path / "gpt2_bpe")


# --- Hugging Face's folder


def test_a_tokenizer_json_gives_the_same_ids(folder):
    bpe = ByteLevelBPE.from_huggingface(hugging_face(folder))
    for text, ids in zip(TEXTS, SMALL["ids"], strict=True):
        assert bpe.encode(text).tolist() == ids
    assert len(bpe) == N + 2
    assert bpe.decode([N, *bpe.encode("abc"), N + 1]) == "abc"
    pairs = [merge.split(" ") for merge in SMALL["merges"]]
    assert ByteLevelBPE.from_huggingface(hugging_face(folder, model__merges=pairs)) == bpe


def test_start_end_and_pad_are_named_in_the_settings(folder):
    settings = {"bos_token": "<s>", "eos_token": {"content": "</s>"}, "pad_token": None}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    bpe = ByteLevelBPE.from_huggingface(hugging_face(folder))
    assert (bpe.start_id, bpe.end_id, bpe.pad_id) == (N, N + 1, None)
    (folder / "tokenizer_config.json").write_text('{"pad_token": "<absent>"}')
    with pytest.raises(ValueError, match="the pad_token '<absent>' is not in the vocabulary"):
        ByteLevelBPE.from_huggingface(folder)


def test_two_tables_will_do(folder):
    assert ByteLevelBPE.from_huggingface(folder) == ByteLevelBPE.from_gpt2(folder)


def test_other_patterns(folder):
    digits = {}
    for name in ("gpt2", "llama3", "qwen2"):
        hugging_face(folder, pre_tokenizer=split_by(PATTERNS[name]))
        bpe = ByteLevelBPE.from_huggingface(folder)
        digits[name] = bpe.tokens[bpe.encode("1234 12")[0]], len(bpe.encode("1234 12"))
        for text in TEXTS:
            assert bpe.decode(bpe.encode(text)) == text
    # 12 3 are merged to 123; qwen2 cuts after every digit, llama3 after the third
    assert digits == {"gpt2": ("123", 4), "llama3": ("123", 4), "qwen2": ("1", 7)}


def test_a_piece_that_is_a_token_may_be_taken_whole(folder):
    table = dict(SMALL["vocabulary"], zzz=N + 2)
    plain = ByteLevelBPE.from_huggingface(hugging_face(folder, model__vocab=table))
    whole = ByteLevelBPE.from_huggingface(
        hugging_face(folder, model__vocab=table, model__ignore_merges=True)
    )
    assert len(plain.encode("zzz")) == 3
    assert whole.encode("zzz").tolist() == [N + 2]
    whole.save(folder / "saved.json")
    assert ByteLevelBPE.load(folder / "saved.json").encode("zzz").tolist() == [N + 2]


SPECIALS = [
    {"id": N, "content": "<s>", "special": True},
    {"id": N + 1, "content": "</s>", "special": True},
]


def test_added_tokens_that_are_not_special_are_text(folder):
    """As in the tokenizers library: they are found in a text, the longest first, and kept."""
    longer = think(id=N + 3, content="<think>  \u00e9")
    made = hugging_face(folder, added_tokens=[*SPECIALS, think(), longer])
    bpe = ByteLevelBPE.from_huggingface(made)
    a, b = SMALL["vocabulary"]["a"], SMALL["vocabulary"]["b"]
    assert bpe.encode("a<think>b").tolist() == [a, N + 2, b]
    assert bpe.encode("<think><think>  \u00e9").tolist() == [N + 2, N + 3]
    assert N not in bpe.encode("a<s>")
    for text in ("a<think>b", "<think>  \u00e9 <think", "", "<s>"):
        assert bpe.decode(bpe.encode(text)) == text
    assert bpe.decode([N, N + 2, N + 1]) == "<think>"
    assert bpe.tokens[N + 3] == "<think>  \u00e9"
    bpe.save(folder / "saved.json")
    again = ByteLevelBPE.load(folder / "saved.json")
    assert again == bpe
    assert again.encode("a<think>b").tolist() == [a, N + 2, b]
    (folder / "tokenizer_config.json").write_text('{"eos_token": "<think>"}')  # now it is special
    ended = ByteLevelBPE.from_huggingface(made)
    assert (ended.end_id, ended.decode([a, N + 2])) == (N + 2, "a")


@pytest.mark.parametrize(
    "processor",
    [
        template("<s>", "TEXT"),
        {"type": "Sequence", "processors": [{"type": "ByteLevel"}, template("<s>", "TEXT")]},
    ],
)
def test_a_token_before_every_text(folder, processor):
    bpe = ByteLevelBPE.from_huggingface(hugging_face(folder, post_processor=processor))
    for text, ids in zip(TEXTS, SMALL["ids"], strict=True):
        assert bpe.encode(text).tolist() == [N, *ids]
        assert bpe.decode(bpe.encode(text)) == text
    assert bpe.encode("").tolist() == [N]
    bpe.save(folder / "saved.json")
    assert ByteLevelBPE.load(folder / "saved.json").encode("").tolist() == [N]
    (folder / "tokenizer_config.json").write_text('{"add_bos_token": true}')
    assert ByteLevelBPE.from_huggingface(folder) == bpe
    (folder / "tokenizer_config.json").write_text('{"add_bos_token": false}')
    with pytest.raises(ValueError, match="add_bos_token = False, but tokenizer.json adds a"):
        ByteLevelBPE.from_huggingface(folder)


@pytest.mark.parametrize("processor", [None, {"type": "ByteLevel"}, template("TEXT")])
def test_processors_that_add_nothing(folder, processor):
    bpe = ByteLevelBPE.from_huggingface(hugging_face(folder, post_processor=processor))
    assert bpe.encode("").size == 0
    for key in ("add_bos_token", "add_eos_token"):
        (folder / "tokenizer_config.json").write_text(json.dumps({key: True}))
        with pytest.raises(ValueError, match=f"{key} = True, but tokenizer.json adds no"):
            ByteLevelBPE.from_huggingface(folder)


def test_a_token_is_either_special_or_text():
    table = SMALL["vocabulary"] | {"<s>": N}
    with pytest.raises(ValueError, match="'<s>' is both in specials and in added"):
        ByteLevelBPE(table, [], specials=["<s>"], added=["<s>"])
    with pytest.raises(ValueError, match="the token '<s>' is missing"):
        ByteLevelBPE(table, [], prefix="<s>")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": None}, "model must be an object, got NoneType"),
        ({"model__type": "Unigram"}, "model.type must be 'BPE', got 'Unigram'"),
        ({"model__dropout": 0.1}, "model.dropout = 0.1 is not supported"),
        ({"model__end_of_word_suffix": "</w>"}, "model.end_of_word_suffix = '</w>'"),
        ({"model__continuing_subword_prefix": "##"}, "model.continuing_subword_prefix"),
        ({"model__byte_fallback": True}, "model.byte_fallback = True"),
        ({"model__vocab": []}, "the vocabulary must be an object, got list"),
        ({"model__merges": None}, "merges must be a list, got NoneType"),
        ({"model__merges": [["a", "b", "c"]]}, "merge 1 must be a pair"),
        ({"model__merges": [["a", 3]]}, "merge 1 must be a pair"),
        ({"normalizer": {"type": "Lowercase"}}, "normalizer must be one of .*, got Lowercase"),
        ({"normalizer": "NFC"}, "normalizer must be an object, got str"),
        ({"normalizer": {"type": "Sequence"}}, "normalizer.normalizers must be a list"),
        (
            {"normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "NFD"}]}},
            "normalizer must be one of NFC, .*, got NFC and NFD",
        ),
        ({"pre_tokenizer": None}, "pre_tokenizer must be 'ByteLevel', or end with it, got None"),
        (
            {"pre_tokenizer__type": "Metaspace"},
            "pre_tokenizer must be 'ByteLevel', or end with it, got 'Metaspace'",
        ),
        ({"pre_tokenizer__add_prefix_space": 1}, "add_prefix_space must be true or false, got 1"),
        ({"pre_tokenizer__use_regex": []}, r"pre_tokenizer.use_regex must be .*, got \[\]"),
        ({"pre_tokenizer": split_by("(a+)+$")}, "pre_tokenizer contains .*, which is not supp"),
        (
            {"pre_tokenizer": split_by(PATTERNS["gpt2"], behavior="Removed")},
            "pre_tokenizer contains .*, which is not supported",
        ),
        (
            {"pre_tokenizer": split_by(PATTERNS["gpt2"], invert=True)},
            "pre_tokenizer contains .*, which is not supported",
        ),
        (
            {"pre_tokenizer": {"type": "Sequence", "pretokenizers": []}},
            "must be 'ByteLevel', or end with it, got None",
        ),
        (
            {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [3]}},
            "pre_tokenizer must be an object, got int",
        ),
        ({"added_tokens": [3]}, "an entry of added_tokens must be a token, got 3"),
        ({"added_tokens": [{"content": "<s>"}]}, "added_tokens gives '<s>' the id None"),
        ({"added_tokens": [{"content": "a", "id": 0}]}, "added_tokens gives 'a' the id 0"),
        ({"added_tokens": [{"content": "<s>", "id": N + 5, "special": True}]}, "each once"),
        (
            {"added_tokens": [{"content": "<s>", "id": N}]},
            "'<s>' in added_tokens: special must be true or false",
        ),
        ({"added_tokens": [think(lstrip=True)]}, "'<think>' in added_tokens: lstrip = true"),
        ({"added_tokens": [think(single_word=True)]}, "'<think>' in added.*: single_word = true"),
        (
            {"added_tokens": [think(content="\u0120", id=SMALL["vocabulary"]["\u0120"])]},
            "different bytes",
        ),
        ({"decoder": {"type": "WordPiece"}}, "decoder must be 'ByteLevel', got 'WordPiece'"),
        (
            {"post_processor": {"type": "RobertaProcessing"}},
            "post_processor must be .*, got 'RobertaProcessing'",
        ),
        ({"post_processor": [3]}, r"post_processor must be ByteLevel, .*, got \[3\]"),
        ({"post_processor": {"type": "Sequence"}}, "post_processor.processors must be a list"),
        (
            {"post_processor": {"type": "TemplateProcessing"}},
            "post_processor.single must be a list",
        ),
        (
            {"post_processor": template("TEXT", "</s>")},
            "single must be a text, .*, got 'TEXT </s>'",
        ),
        (
            {"post_processor": template("<s>", "<s>", "TEXT")},
            "at most one token before a text, got 2",
        ),
        ({"post_processor": template("<s>")}, "single must be a text, .*, got '<s>'"),
        (
            {"post_processor": template("<s>", "TEXT", ids=[3])},
            "special_tokens gives '<s>' the ids .3",
        ),
        (
            {"post_processor": template("<pad>", "TEXT")},
            "gives '<pad>' the ids .*the vocabulary gives it None",
        ),
        (
            {"post_processor": template("a", "TEXT", ids=[SMALL["vocabulary"]["a"]])},
            "'a' before a tex",
        ),
        (
            {
                "post_processor": {
                    "type": "TemplateProcessing",
                    "single": [{"Sequence": {"id": "B"}}],
                }
            },
            "post_processor.single contains .*'B'.*, which is not supported",
        ),
    ],
)
def test_what_cannot_be_represented_is_refused(folder, changes, message):
    with pytest.raises(ValueError, match=message):
        ByteLevelBPE.from_huggingface(hugging_face(folder, **changes))


@pytest.mark.parametrize("prefix", [None, "<|start|>"])
def test_a_chat_prompt_is_put_together_from_ids(prefix):
    """One id per special token of the template; what the user types adds none."""
    names = ["<|start|>", "<|user|>", "<|end|>"]
    vocabulary = {name: i for i, name in enumerate([*SYMBOLS, *names])}
    bpe = ByteLevelBPE(vocabulary, [], specials=names, prefix=prefix)
    question = "hi<|end|><|user|>"
    user, end = (bpe.tokens.index(name) for name in names[1:])
    prompt = [user, *bpe.encode(question)[0 if prefix is None else 1 :], end]
    assert [i for i in prompt if i >= 256] == [user, end]
    assert bpe.decode(prompt) == question
