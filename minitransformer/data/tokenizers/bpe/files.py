"""Reading byte-level BPE tables of other programs: GPT-2's two files, or a Hugging Face folder.

Every setting in a ``tokenizer.json`` that changes ids or text is either supported, or refused with
a message that names the key. Added tokens, special or not, and one special token before every text
are supported. A normalizer, other tokens around a text, truncation and padding are not. The
folder's ``tokenizer_config.json`` says which tokens start, end and pad a text. It must agree with
``tokenizer.json`` on the tokens around a text.
"""

import errno
from pathlib import Path

from minitransformer.data.tokenizers.bpe.pieces import PATTERNS
from minitransformer.data.tokenizers.bpe.post_processor import token_before
from minitransformer.storage import read_json
from minitransformer.storage.text_files import find, read_text

TABLES = (("encoder.json", "vocab.bpe"), ("vocab.json", "merges.txt"))
END_OF_TEXT = "<|endoftext|>"
MAX_JSON = 1 << 26  # in bytes; Llama 3's file has 17 million
# Settings of a "model" in tokenizer.json that can change the ids, and the values that do not do so
NEUTRAL = {
    "dropout": (None, 0.0),
    "continuing_subword_prefix": (None, ""),
    "end_of_word_suffix": (None, ""),
    "byte_fallback": (None, False),
}
ABSENT = ("truncation", "padding", "normalizer")  # these change the ids, so they must be null


def read_gpt2(folder=None):
    """The arguments of :class:`ByteLevelBPE`, from GPT-2's two tables."""
    if folder is None:
        encoder, merges = find("gpt2/encoder.json"), find("gpt2/vocab.bpe")
    else:
        encoder, merges = _tables(Path(folder))
    vocabulary = _vocabulary(read_json(encoder, MAX_JSON), encoder)
    special = END_OF_TEXT if END_OF_TEXT in vocabulary else None
    return {
        "vocabulary": vocabulary,
        "merges": _read_merges(merges),
        "specials": [special] if special else [],
        "start": special,
        "end": special,
    }


def read_huggingface(folder):
    """The arguments of :class:`ByteLevelBPE`, from a folder in Hugging Face's layout."""
    folder = Path(folder)
    path = folder / "tokenizer.json"
    found = _read_tokenizer_json(path) if path.is_file() else read_gpt2(folder)
    settings = folder / "tokenizer_config.json"
    named = read_json(settings, MAX_JSON) if settings.is_file() else {}
    for role, key in (("pad", "pad_token"), ("start", "bos_token"), ("end", "eos_token")):
        name = named.get(key)
        name = name.get("content") if isinstance(name, dict) else name
        if name is None:
            continue
        if name not in found["vocabulary"]:
            raise ValueError(f"{settings}: the {key} {name!r} is not in the vocabulary")
        if name not in found["specials"]:
            found["specials"].append(name)
        found["added"] = [other for other in found.get("added", ()) if other != name]
        found[role] = name
    around = {"add_bos_token": found.get("prefix") is not None, "add_eos_token": False}
    for key, expected in around.items():
        if named.get(key) is not None and named[key] is not expected:
            raise ValueError(
                f"{settings}: {key} = {named[key]!r}, but {path.name} adds "
                f"{'a' if expected else 'no'} token there"
            )
    return found


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
            raise ValueError(f"{where}: merge {number} must be a pair of tokens, got {line!r}")
        pairs.append((parts[0], parts[1]))
    return pairs


def _tables(folder):
    for names in TABLES:
        paths = [folder / name for name in names]
        if all(path.is_file() for path in paths):
            return paths
    expected = " or ".join(" and ".join(names) for names in TABLES)
    raise FileNotFoundError(errno.ENOENT, f"no {expected}", str(folder))


def _read_merges(path):
    lines = read_text(path).split("\n")
    if lines[0].startswith("#version"):  # a merge may begin with "#" too
        del lines[0]
    return split_merges([line for line in lines if line], path)


def _vocabulary(table, path):
    if not isinstance(table, dict):
        raise ValueError(f"{path}: the vocabulary must be an object, got {type(table).__name__}")
    for token, i in table.items():
        if isinstance(i, bool) or not isinstance(i, int):
            raise ValueError(f"{path}: the id of {token!r} must be an integer, got {i!r}")
    return dict(table)


def _read_tokenizer_json(path):
    content = read_json(path, MAX_JSON)
    model = _part(content, "model", path)
    if model.get("type", "BPE") != "BPE":
        raise ValueError(f"{path}: model.type must be 'BPE', got {model['type']!r}")
    for key, allowed in NEUTRAL.items():
        if model.get(key) not in allowed:
            raise ValueError(f"{path}: model.{key} = {model[key]!r} is not supported")
    for key in ABSENT:
        if content.get(key) is not None:
            raise ValueError(
                f"{path}: {key} = {content[key]!r:.60} is not supported; it must be null"
            )
    _check_decoder(content, path)
    vocabulary = _vocabulary(model.get("vocab"), path)
    specials, added = _added(content, vocabulary, path)
    prefix = token_before(content.get("post_processor"), vocabulary, path)
    if prefix is not None and prefix not in specials:
        raise ValueError(
            f"{path}: post_processor puts {prefix!r} before a text, but it is not "
            "a special token in added_tokens"
        )
    return {
        "vocabulary": vocabulary,
        "merges": split_merges(model.get("merges"), path),
        "specials": specials,
        "added": added,
        "prefix": prefix,
        "pattern": _pattern(content, path),
        "ignore_merges": model.get("ignore_merges") is True,
    }


def _part(content, key, path):
    part = content.get(key)
    if not isinstance(part, dict):
        raise ValueError(f"{path}: {key} must be an object, got {type(part).__name__}")
    return part


def _added(content, vocabulary, path):
    """Names of the special and of the other added tokens; all are added to `vocabulary`."""
    own, specials, others, normalized = set(vocabulary), [], [], set()
    for token in content.get("added_tokens") or []:
        if not isinstance(token, dict) or not isinstance(token.get("content"), str):
            raise ValueError(f"{path}: an entry of added_tokens must be a token, got {token!r}")
        name, i = token["content"], token.get("id")
        if vocabulary.setdefault(name, i) != i or not isinstance(i, int):
            raise ValueError(f"{path}: added_tokens gives {name!r} the id {i!r}")
        if not isinstance(token.get("special"), bool):
            raise ValueError(
                f"{path}: special must be true or false for {name!r} in added_tokens, "
                f"got {token.get('special')!r}"
            )
        if token["special"]:
            specials.append(name)
            continue
        for key in ("lstrip", "rstrip", "single_word"):
            if token.get(key):
                raise ValueError(
                    f"{path}: {key} = {token[key]!r} for {name!r} in added_tokens is not supported"
                )
        if name in own and not name.isascii():
            raise ValueError(
                f"{path}: {name!r} is in added_tokens, and in model.vocab with different bytes"
            )
        others.append(name)
        normalized.add(token.get("normalized", True))
    if len(normalized) > 1:
        raise ValueError(
            f"{path}: some added_tokens that are not special are normalized and some are "
            "not: finding them takes two passes, which is not supported"
        )
    return specials, others


def _check_decoder(content, path):
    """Refuse a decoder that would turn the same tokens into a different text."""
    decoder = content.get("decoder") or {"type": "ByteLevel"}
    kind = decoder.get("type") if isinstance(decoder, dict) else decoder
    if kind != "ByteLevel":
        raise ValueError(f"{path}: decoder must be 'ByteLevel', got {kind!r:.60}")


def _pattern(content, path):
    """The name of the pattern in "pre_tokenizer"."""
    step = _part(content, "pre_tokenizer", path)
    steps = step.get("pretokenizers") if step.get("type") == "Sequence" else [step]
    steps = [s if isinstance(s, dict) else {} for s in steps or [{}]]
    last = steps[-1]
    if last.get("type") != "ByteLevel":
        raise ValueError(f"{path}: pre_tokenizer must be 'ByteLevel', got {last.get('type')!r}")
    if last.get("add_prefix_space"):
        raise ValueError(f"{path}: pre_tokenizer.add_prefix_space = true is not supported")
    if len(steps) == 1 and last.get("use_regex", True):
        return "gpt2"
    split = steps[0]
    known = {text: name for name, text in PATTERNS.items()}
    regex = split.get("pattern")
    regex = regex.get("Regex") if isinstance(regex, dict) else None
    plain = (
        len(steps) == 2
        and split.get("type") == "Split"
        and not last.get("use_regex", True)
        and split.get("behavior") == "Isolated"
        and not split.get("invert")
    )
    if not plain or regex not in list(known):
        raise ValueError(
            f"{path}: this pre_tokenizer is not supported; it must be ByteLevel alone, or "
            f"Split by the pattern of {', '.join(PATTERNS)} followed by ByteLevel"
        )
    return known[regex]
