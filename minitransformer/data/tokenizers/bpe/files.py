"""Reading byte-level BPE tables of other programs: GPT-2's two files, or a Hugging Face folder.

The folder's ``tokenizer_config.json`` says which tokens start, end and pad a text. It must agree
with ``tokenizer.json`` on what is put around a text.
"""

import errno
from pathlib import Path

from minitransformer.data.tokenizers.bpe.byte_symbols import SYMBOLS
from minitransformer.data.tokenizers.bpe.steps import read_flag
from minitransformer.data.tokenizers.bpe.tokenizer_json import (
    MAX_JSON,
    read_tokenizer_json,
    read_vocabulary,
    split_merges,
)
from minitransformer.storage import read_json
from minitransformer.storage.text_files import find, read_text

TABLES = (("encoder.json", "vocab.bpe"), ("vocab.json", "merges.txt"))
END_OF_TEXT = "<|endoftext|>"
ROLES = {"pad": "pad_token", "start": "bos_token", "end": "eos_token"}


def read_gpt2(cls, folder):
    """A tokenizer of the class `cls`, from GPT-2's two tables."""
    return _build(cls, *_read_tables(folder))


def _read_tables(folder):
    """The arguments of the class, and the path of the vocabulary."""
    if folder is None:
        encoder, merges = find("gpt2/encoder.json"), find("gpt2/vocab.bpe")
    else:
        encoder, merges = _tables(Path(folder))
    vocabulary = read_vocabulary(read_json(encoder, MAX_JSON), encoder)
    special = END_OF_TEXT if END_OF_TEXT in vocabulary else None
    found = {
        "vocabulary": vocabulary,
        "merges": _read_merges(merges),
        "specials": [special] if special else [],
        "start": special,
        "end": special,
        "partial": any(symbol not in vocabulary for symbol in SYMBOLS),
    }
    return found, encoder


def read_huggingface(cls, folder):
    """A tokenizer of the class `cls`, from a folder in Hugging Face's layout."""
    folder = Path(folder)
    path, settings = folder / "tokenizer.json", folder / "tokenizer_config.json"
    found, source = (read_tokenizer_json(path), path) if path.is_file() else _read_tables(folder)
    named = read_json(settings, MAX_JSON) if settings.is_file() else {}
    for role, key in ROLES.items():
        name = named.get(key)
        name = name.get("content") if isinstance(name, dict) else name
        if name is None:
            continue
        if not isinstance(name, str) or name not in found["vocabulary"]:
            raise ValueError(f"{settings}: the {key} {name!r:.60} is not in the vocabulary")
        if name not in found["specials"]:
            found["specials"].append(name)
        for kind in ("added", "normalized"):
            found[kind] = [other for other in found.get(kind, ()) if other != name]
        found[role] = name
    if source != path:
        found["prefix_space"] = read_flag(named, "add_prefix_space", False, f"{settings}: ")
    _check_agreement(named, found, settings, path)
    return _build(cls, found, source)


def _build(cls, arguments, path):
    try:
        return cls(**arguments)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error


def _check_agreement(named, found, settings, path):
    """Refuse a tokenizer_config.json that says something else than the tokenizer's file."""
    around = {
        "add_bos_token": ("a token", found.get("prefix") is not None),
        "add_eos_token": ("a token", False),
        "add_prefix_space": ("a space", found["prefix_space"]),
    }
    for key, (what, expected) in around.items():
        if named.get(key) is not None and named[key] is not expected:
            adds = f"adds {what}" if expected else f"adds no {what.removeprefix('a ')}"
            raise ValueError(
                f"{settings}: {key} = {named[key]!r:.60}, but {path.name} {adds} there"
            )


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
