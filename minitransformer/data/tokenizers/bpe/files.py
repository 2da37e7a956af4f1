"""Tables of byte-level BPE as others write them: GPT-2's two files, Hugging Face's folder.

Of a ``tokenizer.json`` everything that changes ids or text is translated, or refused with the key
that says it: tokens that are added, special or not, and one special token before every text. What
cannot be had here: a normalizer, other tokens around a text, truncation, padding. The folder's
tokenizer_config.json is asked which tokens start, end and pad a text, and has to agree on what
stands around it.
"""

import errno
from pathlib import Path

from minitransformer.data.tokenizers.bpe.post_processor import token_before
from minitransformer.storage import read_json
from minitransformer.storage.text_files import find, read_text

TABLES = (("encoder.json", "vocab.bpe"), ("vocab.json", "merges.txt"))
END_OF_TEXT = "<|endoftext|>"
MAX_JSON = 1 << 26  # bytes; Llama 3's has 17 million
# Settings of a "model" in tokenizer.json that change what comes out, with the values that do not
NEUTRAL = {
    "dropout": (None, 0.0),
    "continuing_subword_prefix": (None, ""),
    "end_of_word_suffix": (None, ""),
    "byte_fallback": (None, False),
}
ABSENT = ("truncation", "padding", "normalizer")  # these change the ids, and have to be null


def read_gpt2(folder=None):
    """What :class:`ByteLevelBPE` takes, from GPT-2's two tables."""
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


def read_huggingface(folder, patterns):
    """What :class:`ByteLevelBPE` takes, from a folder in Hugging Face's layout."""
    folder = Path(folder)
    path = folder / "tokenizer.json"
    found = _read_tokenizer_json(path, patterns) if path.is_file() else read_gpt2(folder)
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
    for key, there in around.items():
        if named.get(key) is not None and named[key] is not there:
            raise ValueError(
                f"{settings}: {key} = {named[key]!r}, but by {path.name} there is "
                f"{'a' if there else 'no'} token there"
            )
    return found


def split_merges(lines, where):
    """Pairs from ``"a b"``, or from ``["a", "b"]``, as newer files have them."""
    if not isinstance(lines, list):
        raise ValueError(f"{where}: the merges must be a list, not {type(lines).__name__}")
    pairs = []
    for number, line in enumerate(lines, start=1):
        parts = line.split(" ") if isinstance(line, str) else line
        if not (
            isinstance(parts, list)
            and len(parts) == 2
            and all(isinstance(part, str) and part for part in parts)
        ):
            raise ValueError(f"{where}: merge {number} is not a pair of tokens but {line!r}")
        pairs.append((parts[0], parts[1]))
    return pairs


def _tables(folder):
    for names in TABLES:
        paths = [folder / name for name in names]
        if all(path.is_file() for path in paths):
            return paths
    wanted = " or ".join(" and ".join(names) for names in TABLES)
    raise FileNotFoundError(errno.ENOENT, f"no {wanted}", str(folder))


def _read_merges(path):
    lines = read_text(path).split("\n")
    if lines[0].startswith("#version"):  # some merges begin with "#" too
        del lines[0]
    return split_merges([line for line in lines if line], path)


def _vocabulary(table, path):
    if not isinstance(table, dict):
        raise ValueError(f"{path}: the vocabulary must be an object, not {type(table).__name__}")
    for token, i in table.items():
        if isinstance(i, bool) or not isinstance(i, int):
            raise ValueError(f"{path}: the id of {token!r} is {i!r}, and not an integer")
    return dict(table)


def _read_tokenizer_json(path, patterns):
    content = read_json(path, MAX_JSON)
    model = _part(content, "model", path)
    if model.get("type", "BPE") != "BPE":
        raise ValueError(f"{path}: model.type is {model['type']!r}; only 'BPE' is known")
    for key, allowed in NEUTRAL.items():
        if model.get(key) not in allowed:
            raise ValueError(f"{path}: model.{key} = {model[key]!r} is not known here")
    for key in ABSENT:
        if content.get(key) is not None:
            raise ValueError(
                f"{path}: {key} = {content[key]!r:.60} is not known here; the text is "
                "taken as it is"
            )
    _check_decoder(content, path)
    vocabulary = _vocabulary(model.get("vocab"), path)
    specials, added = _added(content, vocabulary, path)
    prefix = token_before(content.get("post_processor"), vocabulary, path)
    if prefix is not None and prefix not in specials:
        raise ValueError(
            f"{path}: post_processor puts {prefix!r} before a text, which is not "
            "special among added_tokens"
        )
    return {
        "vocabulary": vocabulary,
        "merges": split_merges(model.get("merges"), path),
        "specials": specials,
        "added": added,
        "prefix": prefix,
        "pattern": _pattern(content, patterns, path),
        "ignore_merges": model.get("ignore_merges") is True,
    }


def _part(content, key, path):
    part = content.get(key)
    if not isinstance(part, dict):
        raise ValueError(f"{path}: {key} must be an object, not {type(part).__name__}")
    return part


def _added(content, vocabulary, path):
    """Names of the special and of the other added tokens, which are entered in `vocabulary` too."""
    own, specials, others, normalized = set(vocabulary), [], [], set()
    for token in content.get("added_tokens") or []:
        if not isinstance(token, dict) or not isinstance(token.get("content"), str):
            raise ValueError(f"{path}: an entry of added_tokens is not a token but {token!r}")
        name, i = token["content"], token.get("id")
        if vocabulary.setdefault(name, i) != i or not isinstance(i, int):
            raise ValueError(f"{path}: added_tokens gives {name!r} the id {i!r}")
        if not isinstance(token.get("special"), bool):
            raise ValueError(
                f"{path}: added_tokens says special = {token.get('special')!r} of "
                f"{name!r}; it must be true or false"
            )
        if token["special"]:
            specials.append(name)
            continue
        for key in ("lstrip", "rstrip", "single_word"):
            if token.get(key):
                raise ValueError(
                    f"{path}: added_tokens says {key} = {token[key]!r} of {name!r}, "
                    "which is not known here"
                )
        if name in own and not name.isascii():
            raise ValueError(
                f"{path}: {name!r} is in added_tokens and model.vocab, where it means other bytes"
            )
        others.append(name)
        normalized.add(token.get("normalized", True))
    if len(normalized) > 1:
        raise ValueError(
            f"{path}: added_tokens that stand for text are partly normalized, partly "
            "not: they are found in two passes, which is not known here"
        )
    return specials, others


def _check_decoder(content, path):
    """Refuse a decoder that would make another text of the same tokens."""
    decoder = content.get("decoder") or {"type": "ByteLevel"}
    kind = decoder.get("type") if isinstance(decoder, dict) else decoder
    if kind != "ByteLevel":
        raise ValueError(f"{path}: decoder is {kind!r:.60}, not 'ByteLevel'")


def _pattern(content, patterns, path):
    """The name of the pattern that "pre_tokenizer" asks for."""
    step = _part(content, "pre_tokenizer", path)
    steps = step.get("pretokenizers") if step.get("type") == "Sequence" else [step]
    steps = [s if isinstance(s, dict) else {} for s in steps or [{}]]
    last = steps[-1]
    if last.get("type") != "ByteLevel":
        raise ValueError(f"{path}: pre_tokenizer is {last.get('type')!r}, not 'ByteLevel'")
    if last.get("add_prefix_space"):
        raise ValueError(f"{path}: pre_tokenizer.add_prefix_space = true is not known here")
    if len(steps) == 1 and last.get("use_regex", True):
        return "gpt2"
    split = steps[0]
    known = {text: name for name, text in patterns.items()}
    wanted = split.get("pattern")
    wanted = wanted.get("Regex") if isinstance(wanted, dict) else None
    plain = (
        len(steps) == 2
        and split.get("type") == "Split"
        and not last.get("use_regex", True)
        and split.get("behavior") == "Isolated"
        and not split.get("invert")
    )
    if not plain or wanted not in list(known):
        raise ValueError(
            f"{path}: this pre_tokenizer is not known; known are ByteLevel alone, and "
            f"Split by the pattern of {', '.join(patterns)} before it"
        )
    return known[wanted]
