"""A tokenizer.json that describes a byte-level BPE.

Every setting that changes ids or text is either supported, or refused with a message that names the
key. "truncation" and "padding" concern batches only, and are often left over from training.
"""

from minitransformer.data.tokenizers.bpe.byte_symbols import SYMBOLS
from minitransformer.data.tokenizers.bpe.post_processor import token_before
from minitransformer.data.tokenizers.bpe.steps import normal_form, patterns, read_flag
from minitransformer.storage import read_json

MAX_JSON = 1 << 26  # in bytes; Llama 3's file has 17 million
# Settings of a "model" that can change the ids, and the values that do not do so
NEUTRAL = {
    "dropout": (None, 0.0),
    "continuing_subword_prefix": (None, ""),
    "end_of_word_suffix": (None, ""),
    "byte_fallback": (None, False),
}


def read_tokenizer_json(path):
    """The arguments of :class:`ByteLevelBPE`, from one file."""
    content = read_json(path, MAX_JSON)
    model = content.get("model")
    if not isinstance(model, dict):
        raise ValueError(f"{path}: model must be an object, got {type(model).__name__}")
    if model.get("type", "BPE") != "BPE":
        raise ValueError(f"{path}: model.type must be 'BPE', got {model['type']!r:.60}")
    for key, allowed in NEUTRAL.items():
        if model.get(key) not in allowed:
            raise ValueError(f"{path}: model.{key} = {model[key]!r:.60} is not supported")
    _check_decoder(content, path)
    vocabulary = read_vocabulary(model.get("vocab"), f"{path}: model.vocab")
    specials, added, normalized = _added(content, vocabulary, path)
    prefix = token_before(content.get("post_processor"), vocabulary, path)
    if prefix is not None and prefix not in specials:
        raise ValueError(
            f"{path}: post_processor puts {prefix!r} before a text, but it is not "
            "a special token in added_tokens"
        )
    pattern, prefix_space = patterns(content, path)
    return {
        "vocabulary": vocabulary,
        "merges": split_merges(model.get("merges"), f"{path}: model"),
        "specials": specials,
        "added": added,
        "normalized": normalized,
        "prefix": prefix,
        "pattern": pattern,
        "prefix_space": prefix_space,
        "normalization": normal_form(content, path),
        "ignore_merges": read_flag(model, "ignore_merges", False, f"{path}: model."),
        **_missing_bytes(model, vocabulary, path),
    }


def read_vocabulary(table, where):
    """A table of tokens and ids, as a new dict; `where` is the file and the key, for messages."""
    if not isinstance(table, dict):
        raise ValueError(f"{where}: the vocabulary must be an object, got {type(table).__name__}")
    for token, i in table.items():
        if type(i) is not int:
            raise ValueError(f"{where}: the id of {token!r} must be an integer, got {i!r:.60}")
    return dict(table)


def split_merges(lines, where):
    """Pairs of tokens, from lines ``"a b"`` or, as in newer files, ``["a", "b"]``."""
    if not isinstance(lines, list):
        raise ValueError(f"{where}: merges must be a list, got {type(lines).__name__}")
    pairs = []
    for number, line in enumerate(lines, start=1):
        parts = line.split(" ") if isinstance(line, str) else line
        if not (
            isinstance(parts, list)
            and len(parts) == 2
            and all(isinstance(part, str) and part for part in parts)
        ):
            raise ValueError(f"{where}: merge {number} must be a pair of tokens, got {line!r:.60}")
        pairs.append((parts[0], parts[1]))
    return pairs


def _added(content, vocabulary, path):
    """Names of the special tokens, the other added ones, and those found in normalized text.

    All of them are added to `vocabulary`.
    """
    own, specials, others, normalized = set(vocabulary), [], [], []
    tokens = content.get("added_tokens")
    if tokens is not None and not isinstance(tokens, list):
        raise ValueError(f"{path}: added_tokens must be a list, got {type(tokens).__name__}")
    for token in tokens or []:
        if not isinstance(token, dict) or not isinstance(token.get("content"), str):
            raise ValueError(f"{path}: an entry of added_tokens must be a token, got {token!r:.60}")
        name, i = token["content"], token.get("id")
        if vocabulary.setdefault(name, i) != i or type(i) is not int or not name:
            raise ValueError(f"{path}: added_tokens gives {name!r} the id {i!r:.60}")
        where = f"{path}: {name!r} in added_tokens: "
        if read_flag(token, "special", None, where):
            specials.append(name)
            continue
        for key in ("lstrip", "rstrip", "single_word"):
            if read_flag(token, key, False, where):
                raise ValueError(f"{where}{key} = true is not supported")
        if name in own and not name.isascii():
            raise ValueError(
                f"{path}: {name!r} is in added_tokens, and in model.vocab with different bytes"
            )
        others.append(name)
        if read_flag(token, "normalized", True, where):
            normalized.append(name)
    return specials, others, normalized


def _missing_bytes(model, vocabulary, path):
    """What to do with bytes that are not in the vocabulary, if there are any."""
    missing = sum(symbol not in vocabulary for symbol in SYMBOLS)
    name = model.get("unk_token")
    if not missing or name is None:
        return {"partial": missing > 0}
    if not isinstance(name, str) or name not in vocabulary:
        raise ValueError(
            f"{path}: model.unk_token must be a token, because {missing} of the 256 bytes are "
            f"missing from model.vocab, got {name!r:.60}"
        )
    fused = read_flag(model, "fuse_unk", False, f"{path}: model.")
    return {"partial": True, "unknown": name, "fuse_unknown": fused}


def _check_decoder(content, path):
    """Refuse a decoder that would turn the same tokens into a different text."""
    decoder = content.get("decoder") or {"type": "ByteLevel"}
    kind = decoder.get("type") if isinstance(decoder, dict) else decoder
    if kind != "ByteLevel":
        raise ValueError(f"{path}: decoder must be 'ByteLevel', got {kind!r:.60}")
