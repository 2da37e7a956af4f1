"""Make the stored token ids from published tokenizers.

Run from the root of the repository, with `tiktoken`, `tokenizers` and `regex` installed (nothing of
this project is imported), and the folder that holds ``gpt2_bpe`` and ``bert_vocab``::

    python tests/support/reference/make_token_ids.py FOLDER

It writes ``token_ids.json`` beside itself: texts, ids, and the small tables that stand below, but
not the published ones. The tests read it and need no such package.
"""

import json
import random
import sys
import tempfile
from pathlib import Path

import regex
import tiktoken
import tokenizers
from tiktoken.load import data_gym_to_mergeable_bpe_ranks

OUT = Path(__file__).with_name("token_ids.json")
# As published with GPT-2
PATTERN = regex.compile(
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
)
TEXTS = [
    "",
    " ",
    "a",
    "  a",
    "a  ",
    "Hello, world!",
    "I'M SURE",
    "\u2019s 't's'",
    "I'm sure they've said it'll do, don't you'd?",
    "1234567890 3.14 \u0663\u0664 \u00b2\u2167",
    "x=1;\n\n\tif x:\n\t\treturn\r\n",
    "   \n  \n",
    "\u00a0\u3000\u2003\u0085\x1c\x1f\x0b\x0c\u200b\ufeff",
    "caf\u00e9 cafe\u0301 na\u00efve \u0130stanbul Stra\u00dfe",
    "\U0001f917 \U0001f469\u200d\U0001f469\u200d\U0001f467 \U0001f3f3\ufe0f\u200d\U0001f308",
    "\U0001f44d\U0001f3fd",
    "\u4f60\u597d\uff0c\u4e16\u754c\u3002 \u3053\u3093\u306b\u3061\u306f",
    "\uc548\ub155\ud558\uc138\uc694",
    "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440!",
    "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
    "\u0928\u092e\u0938\u094d\u0924",
    "z\u0351\u036b\u0343\u036a\u0302",
    "\x00\x01\x7f\x80\xff\ufffd\ufffe\uffff\U0010ffff\ue000",
    "[ MASK ] ##ing <pad>",
    "a" * 300,
    "unaffable " * 20,
    "w" * 100 + " " + "w" * 101,
    "the#of##a",
    "\u201cquoted\u201d \u2014 (yes) $5 + 3^2 ~ `x`",
    "abc abbc aabbcc aaaaaaa 12 123",
    "Donaudampfschifffahrtsgesellschaftskapit\u00e4n",
    "thethe theing the ing!!!! \n\n\n\n",
    "Two young, White males are outside near many bushes.",
    "First Citizen:\nBefore we proceed any further, hear me speak.\n",
]
BYTES = [
    b"\xff",
    b"ab\xffcd",
    b"\xe2\x82",
    b"caf\xc3",
    b"\xed\xa0\x80",
    b" \x80\x81 \xc2\xa9\xc2",
    b"\xf0\x9f\xa4 ok",
    b"\xc0\xaf\xf8\x88",
    "\U0001f917".encode()[1:],
    bytes(range(256)),
]
POOLS = [
    "abc xyz ABC 'sdtlverm",
    "0123456789",
    "\n\t\r \u00a0\u3000",
    '!@#$%^&*()_+-=[]{};:,.<>/?|~`"',
    "\U0001f917\u200d\U0001f308\u2764\ufe0f",
    "\u4f60\u597d\u4e16\u754c\u3053\u3093\uc548\ub155",
    "\u00e9\u00e8\u00fc\u00df\u00c4\u00f1\u00e7\u0130\u0131",
]
# Several ways lead to "abc", and "ab bc" stands before "a b": what counts is the pair, not the sum
SMALL_MERGES = (
    "h e|\u0120 t|\u0120t he|i n|in g|\u0120 a|a a|aa aa|\u0120 \u0120|\u0120\u0120 \u0120\u0120|"
    "\u00c3 \u00a9|\u00f0 \u0141|\u00f0\u0141 \u00a4|\u00f0\u0141\u00a4 \u0139|\u00e4 \u00bd|"
    "b c|ab bc|a b|ab c|1 2|12 3|! !|\u010a \u010a|\u00ef \u00bf|\u00ef\u00bf \u00bd"
)
SMALL_PIECES = (
    "[PAD] [UNK] [CLS] [SEP] [MASK] un ##aff ##able a b c ##a ##b ##c ab abc ##bc the # $ + ! ? , "
    ". ' ##s w ##w ##ww ##wwwwwwwwww cafe naive strasse \u4f60 \u4e16 \u754c quoted \u2014 x yes 5 "
    "3 2 ##2 1 ##23 istanbul hello world aa ##aa ##aaaa\u00df"
)


def random_texts(n, seed):
    rng = random.Random(seed)
    for _ in range(n):
        parts = [
            rng.choices(rng.choice(POOLS), k=rng.randint(1, 5)) for _ in range(rng.randint(1, 10))
        ]
        yield "".join(c for part in parts for c in part)


def gpt2_ids(folder, texts):
    """Ids by `tiktoken`, which `tokenizers` has to confirm; broken bytes piece by piece."""
    files = str(folder / "encoder.json"), str(folder / "vocab.bpe")
    tik = tiktoken.Encoding(
        "gpt2",
        pat_str=PATTERN.pattern,
        special_tokens={},
        mergeable_ranks=data_gym_to_mergeable_bpe_ranks(*reversed(files)),
    )
    other = tokenizers.ByteLevelBPETokenizer(*files)
    found = [tik.encode_ordinary(text) for text in texts]
    if found != [other.encode(text).ids for text in texts]:
        raise SystemExit("tiktoken and tokenizers differ")
    broken = []
    for content in BYTES:
        pieces = PATTERN.findall(content.decode("utf-8", "surrogateescape"))
        pieces = [piece.encode("utf-8", "surrogateescape") for piece in pieces]
        broken.append([i for piece in pieces for i in tik._encode_single_piece(piece)])
    return {"ids": found, "ids of bytes": broken}


def small_bpe(folder, texts):
    """A table of 256 bytes and a few merges, with its ids by `tokenizers`."""
    merges = SMALL_MERGES.split("|")
    symbols = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    tokens = list(dict.fromkeys([*symbols, *(merge.replace(" ", "") for merge in merges)]))
    table = {token: i for i, token in enumerate(tokens)}
    (folder / "vocab.json").write_text(json.dumps(table), encoding="utf-8")
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]), encoding="utf-8")
    files = str(folder / "vocab.json"), str(folder / "merges.txt")
    found = tokenizers.ByteLevelBPETokenizer(*files)
    return {"vocabulary": table, "merges": merges, "ids": [found.encode(t).ids for t in texts]}


def bert_ids(path, texts, lower_case=True):
    found = tokenizers.BertWordPieceTokenizer(str(path), lowercase=lower_case)
    return [found.encode(text, add_special_tokens=False).ids for text in texts]


def small_wordpiece(folder, texts):
    path, tokens = folder / "vocab.txt", SMALL_PIECES.split()
    path.write_text("\n".join(tokens), encoding="utf-8")
    return {
        "vocabulary": tokens,
        "ids": bert_ids(path, texts),
        "ids of cased": bert_ids(path, texts, lower_case=False),
    }


def main(folder):
    texts = [*TEXTS, *random_texts(100, seed=0)]
    with tempfile.TemporaryDirectory() as temporary:
        small = {
            "small bpe": small_bpe(Path(temporary), texts),
            "small wordpiece": small_wordpiece(Path(temporary), texts),
        }
    content = {
        "made with": {m.__name__: m.__version__ for m in (tiktoken, tokenizers, regex)},
        "texts": texts,
        "bytes": [list(content) for content in BYTES],
        "gpt2": gpt2_ids(folder / "gpt2_bpe", texts),
        "bert": {"ids": bert_ids(folder / "bert_vocab" / "vocab.txt", texts)},
        **small,
    }
    OUT.write_text(json.dumps(content, separators=(",", ":")) + "\n", encoding="ascii")
    print(f"{OUT.name}: {len(texts)} texts, {OUT.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
