"""Pretrained models: a folder in Hugging Face's layout becomes a :class:`GPT`.

No code from the folder is run, and no other library is needed: ``config.json`` is translated (see
:mod:`~minitransformer.models.pretrained.huggingface`),
:class:`~minitransformer.storage.ArrayFolder` reads the arrays one at a time, and
:class:`ByteLevelBPE` reads the tokenizer.
"""

import math
import re
from pathlib import Path

import numpy as np

from minitransformer.data import ByteLevelBPE
from minitransformer.models.pretrained.end_tokens import read_end_ids
from minitransformer.models.pretrained.huggingface import FAMILIES, LAYER_KEYS, translate
from minitransformer.models.pretrained.huggingface_names import HEAD, Part, names
from minitransformer.storage import ArrayFolder, check_arrays, check_finite, read_json

PREFIXES = {"gpt2": "transformer.", "llama": "model.", "mistral": "model."}
FLOATS = ("F16", "BF16", "F32", "F64")
# Older files also contain causal masks and tables of angles, which follow from the config
TABLES = re.compile(r"(.*\.)?(attn\.(masked_)?bias|rotary_emb\.inv_freq)")
OPTIONS = ("dtype", "dropout", "seed", "attention", "ops")
MIN_LIMIT, MIN_LAYERS = 1 << 20, 1000  # always allowed: smaller sizes do no harm
TOKENIZER_FILES = ("tokenizer.json", "vocab.json", "tokenizer.model")


def load_pretrained(cls, folder, *, tokenizer=True, **options):
    """A model with the weights of a folder; see :meth:`GPT.from_pretrained`."""
    folder = Path(folder)
    unknown = sorted(set(options) - set(OPTIONS))
    if unknown:
        raise TypeError(
            f"{', '.join(unknown)}: the folder decides this; the options are "
            f"{', '.join(OPTIONS)} and tokenizer"
        )
    config = read_json(folder / "config.json")
    settings = _settings(cls, config, folder / "config.json", options)
    arrays = ArrayFolder(folder)
    check_sizes(config, arrays.entries, folder / "config.json")
    kind = config["model_type"]
    prefix = PREFIXES[kind] if any(n.startswith(PREFIXES[kind]) for n in arrays) else ""
    parts = names(kind, settings, prefix)
    table = parts["embedding.W"].names[0]
    if settings.tied and table not in arrays and HEAD in arrays:
        parts["embedding.W"] = Part((HEAD,))  # the one matrix is stored under the head's name
    shapes = expected_shapes(settings, parts)
    _check(arrays, shapes, settings, parts, folder)
    end_ids = read_end_ids(folder, config, settings.vocab_size)
    found = read_tokenizer(folder, settings.vocab_size) if tokenizer else None
    model = cls(settings)
    for name, parameter in model.parameters().items():
        fill(parameter.value, parts[name], arrays)
        check_finite({", ".join(parts[name].names): parameter.value}, folder)
    model.tokenizer, model.end_ids = found, end_ids
    return model


def _settings(cls, config, path, options):
    try:
        translated = translate(config, options.get("dropout"))
        return cls.Config(**{"dtype": _dtype(config), **translated, **options})
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path} cannot be represented: {error}") from error


def _dtype(config):
    """float64 if the config says so, else float32, even if the files are in half precision."""
    named = config.get("dtype", config.get("torch_dtype"))
    return "float64" if named == "float64" else "float32"


def check_sizes(config, entries, path):
    """Refuse sizes that the weights cannot have, before arrays of that size are allocated.

    With rotary positions, no shape in the files confirms the maximum length, so a wrong value would
    only make the table of angles huge. Every layer has its own arrays, so there cannot be more
    layers than arrays.

    Parameters
    ----------
    config : dict
        A ``config.json`` that could be translated.
    entries : dict of str -> Entry
        The arrays in the headers of the files.
    path : path-like
        The config's path, for the message.

    Raises
    ------
    ValueError
        The message names the key.
    """
    stored = sum(math.prod(entry.shape) for entry in entries.values())
    *_, counts = FAMILIES[config["model_type"]]
    for key in counts:
        limit, what = max(stored, MIN_LIMIT), f"{stored} numbers"
        if key in LAYER_KEYS:
            limit, what = max(len(entries), MIN_LAYERS), f"{len(entries)} arrays"
        if (config.get(key) or 0) > limit:
            raise ValueError(f"{path}: {key} = {config[key]} does not fit the weights, {what}")


def expected_shapes(settings, parts):
    """The shape that each array of the file must have, by name.

    Parameters
    ----------
    settings : GPTConfig
        The config of our model.
    parts : dict of str -> Part
        From :func:`names`.
    """
    D, F, V = settings.d_model, settings.hidden, settings.vocab_size
    width = D + 2 * D // settings.n_heads * (settings.n_kv_heads or settings.n_heads)
    ours = {
        "embedding.W": (V, D), "positions.P": (settings.max_len, D), "head.W": (D, V),
        "W_qkv": (D, width), "b_qkv": (width,), "W_o.W": (D, D), "linear1.W": (D, F),
        "linear1.b": (F,), "linear2.W": (F, D), "gate_up.W": (D, 2 * F), "gate_up.b": (2 * F,),
        "down.W": (F, D),
    }  # fmt: skip
    shapes = {}
    for name, part in parts.items():
        shape = next((s for end, s in ours.items() if name.endswith(end)), (D,))
        for array, columns in zip(part.names, part.widths or shape[-1:], strict=True):
            one = (*shape[:-1], columns)
            shapes[array] = one[::-1] if part.transposed else one
    return shapes


def _check(arrays, shapes, settings, parts, folder):
    """Refuse arrays that are missing, unexpected, of the wrong shape, or not floating-point."""
    (table,) = parts["embedding.W"].names
    weights = {n: entry for n, entry in arrays.entries.items() if not TABLES.fullmatch(n)}
    stored_head = weights.pop(HEAD, None) if settings.tied and table != HEAD else None
    check_arrays(weights, {name: (shape, None) for name, shape in shapes.items()}, folder)
    for name, entry in weights.items():
        if entry.dtype not in FLOATS:
            raise ValueError(
                f"{folder}: {name} must be one of {', '.join(FLOATS)}, got {entry.dtype}"
            )
    if stored_head is not None and not np.array_equal(arrays[HEAD], arrays[table], equal_nan=True):
        raise ValueError(
            f"{folder}: tie_word_embeddings is true in config.json, but {HEAD} differs from {table}"
        )


def fill(value, part, arrays):
    """Copy the arrays of a :class:`Part` into a parameter's value, side by side."""
    start = 0
    for name in part.names:
        array = arrays[name].T if part.transposed else arrays[name]
        value[..., start : start + array.shape[-1]] = array
        start += array.shape[-1]


def read_tokenizer(folder, vocab_size):
    """The folder's tokenizer, or None if it has none.

    Raises
    ------
    ValueError
        If it is not a byte-level BPE, or has more tokens than the model.
    """
    if not any((folder / name).exists() for name in TOKENIZER_FILES):
        return None
    try:
        tokenizer = ByteLevelBPE.from_huggingface(folder)
    except (ValueError, OSError) as error:
        raise ValueError(
            f"the tokenizer cannot be read (tokenizer=False leaves it out): {error}"
        ) from error
    if len(tokenizer) > vocab_size:
        raise ValueError(
            f"{folder}: the tokenizer has {len(tokenizer)} tokens, the model {vocab_size}"
        )
    return tokenizer
