"""Checks of prompts and source sentences, and their batching and padding."""

import numpy as np

from minitransformer.checks import check_count
from minitransformer.data.examples.reading import check_unpadded
from minitransformer.functional import check_ids

SLIDE_HINT = "; slide=True allows longer texts"
MODEL = "model"
"""The default of `end_id`: the model's own end tokens."""


def reads_sources(model):
    """Whether `model` has an encoder, and so reads source sentences instead of prompts."""
    return hasattr(model, "encode")


def target_size(model):
    """V, the size of the vocabulary of generated texts."""
    config = model.config
    return config.get("target_vocab_size") or config["vocab_size"]


def read_prompts(model, prompts, max_tokens=None, hint=""):
    """The prompts, or the source sentences, as int64 arrays.

    Parameters
    ----------
    model : GPT or Transformer
    prompts : list of B int arrays or lists
    max_tokens : int, optional
        Maximum length of a prompt; None allows any length, because a window slides over it.
    hint : str
        What the caller can do about a prompt that is too long, for the message.

    Raises
    ------
    TypeError
        If the prompts are not a list of id sequences.
    ValueError
        If there are no prompts, or a prompt is empty, too long, or has an id outside the
        vocabulary, or they are an array that looks padded with zeros.
    """
    kind = "source" if reads_sources(model) else "prompt"
    if isinstance(prompts, str | bytes | dict | set) or not hasattr(prompts, "__len__"):
        raise TypeError(f"{kind}s must be a list of id arrays, got {type(prompts).__name__}")
    if len(prompts) == 0:
        raise ValueError(f"{kind}s must contain at least one {kind}, got none")
    check_unpadded(f"{kind}s", prompts)
    hint = "" if kind == "source" else hint
    return [
        _read_one(f"{kind} {i}", prompt, model.config["vocab_size"], max_tokens, hint)
        for i, prompt in enumerate(prompts)
    ]


def _read_one(name, prompt, vocab_size, max_tokens, hint):
    kind = name.split()[0]
    try:
        ids = np.asarray(prompt)
    except ValueError:
        raise ValueError(
            f"{name} must be a flat sequence of ids, such as [5, 2, 7], got nested lists of "
            f"different lengths; {kind}s is a list of flat sequences"
        ) from None
    if ids.ndim == 0:
        raise TypeError(
            f"{kind}s must be a list of id sequences, such as [[5, 2, 7], [4, 2]], "
            f"got {prompt!r} as {name}; a single sequence goes into a list too"
        )
    if ids.ndim != 1:
        raise ValueError(f"{name} must be a flat sequence of ids, got shape {ids.shape}")
    if ids.size == 0:
        raise ValueError(f"{name} must have at least one token, such as the start token, got none")
    check_ids(ids, vocab_size, name)
    if max_tokens is not None and len(ids) > max_tokens:
        raise ValueError(f"{name} must have at most {max_tokens} tokens, got {len(ids)}{hint}")
    return ids.astype(np.int64)


def read_limits(model, sequences, max_new_tokens, slide=None):
    """The maximum number of new tokens for each sequence: as requested, or as many as fit.

    `slide` is None if the caller has no such option. The message then does not suggest it.

    Raises
    ------
    TypeError, ValueError
        If `max_new_tokens` is not a whole number above 0, or does not fit the context.
    """
    encoder, max_len = reads_sources(model), model.config["max_len"]
    if slide and encoder:
        raise ValueError("slide must be False for a model with an encoder, got True")
    if slide and max_new_tokens is None:
        raise ValueError(
            "max_new_tokens must be a number if slide=True, got None: a text might never end"
        )
    if max_new_tokens is not None:
        max_new_tokens = check_count("max_new_tokens", max_new_tokens)
    if slide:
        return [max_new_tokens] * len(sequences)
    limits = [max_len if encoder else max_len + 1 - len(sequence) for sequence in sequences]
    if max_new_tokens is None:
        return limits
    if max_new_tokens > min(limits):
        where = "in a translation" if encoder else f"after prompt {int(np.argmin(limits))}"
        hint = "" if encoder or slide is None else SLIDE_HINT
        raise ValueError(
            f"max_new_tokens must be at most {min(limits)} {where} (max_len = {max_len}), "
            f"got {max_new_tokens}{hint}"
        )
    return [max_new_tokens] * len(sequences)


def read_vocab_size(model, vocab_size=None):
    """The number of ids that may be chosen: ids from this number on never are.

    Parameters
    ----------
    model : GPT or Transformer
    vocab_size : int, optional
        By default, the number of tokens of the model's tokenizer, if the model has one. Published
        models often have more ids than tokens, because a round size is faster on a GPU.

    Raises
    ------
    TypeError, ValueError
        If it is not a whole number, or the model has fewer ids.
    """
    size, tokenizer = target_size(model), getattr(model, "tokenizer", None)
    if vocab_size is None:
        return size if tokenizer is None else min(size, len(tokenizer))
    if check_count("vocab_size", vocab_size) > size:
        raise ValueError(f"vocab_size must be at most that of the model, {size}, got {vocab_size}")
    return int(vocab_size)


def check_token(name, token, vocab_size):
    """`token` as an int below `vocab_size`.

    Raises
    ------
    TypeError, ValueError
        If `token` is not a whole number, or is out of range.
    """
    token = check_count(name, token, 0)
    if token >= vocab_size:
        raise ValueError(f"{name} must lie in 0 .. {vocab_size - 1}, got {token}")
    return token


def read_end_ids(model, end_id):
    """The tokens that end a text, as a tuple of ints; it is empty if none does.

    Parameters
    ----------
    model : GPT or Transformer
    end_id : int, sequence of int, None or "model"
        As for :func:`~minitransformer.inference.generate.tokens`.

    Raises
    ------
    TypeError, ValueError
        If an id is not a whole number, or is out of range.
    """
    if end_id is None:
        return ()
    if isinstance(end_id, str) and end_id == MODEL:
        return tuple(getattr(model, "end_ids", ()))
    size = target_size(model)
    end_id = end_id.tolist() if hasattr(end_id, "tolist") else end_id  # arrays and tensors
    if not isinstance(end_id, list | tuple | set | frozenset | range):
        return (check_token("end_id", end_id, size),)
    return tuple(check_token(f"end_id[{i}]", token, size) for i, token in enumerate(end_id))


def check_ends(model, start_id, end_id):
    """Check that this model takes these start and end tokens.

    A translation needs both. A GPT takes no start token, and without an end token its texts have
    the requested length.

    Returns
    -------
    start_id : int or None
    end_ids : tuple of int

    Raises
    ------
    TypeError, ValueError
    """
    size, end_ids = target_size(model), read_end_ids(model, end_id)
    if reads_sources(model):
        if start_id is None:
            raise ValueError("start_id must be a token id for a model with an encoder, got None")
        if not end_ids:
            raise ValueError("end_id must be a token id for a model with an encoder, got None")
        return check_token("start_id", start_id, size), end_ids
    if start_id is not None:
        raise ValueError(
            f"start_id must be None for a model without an encoder, got {start_id!r}: "
            "put it into the prompts instead"
        )
    return None, end_ids


def batches_by_length(sequences, batch_size):
    """Arrays of at most `batch_size` indices each, of sequences of similar length."""
    order = np.argsort([len(sequence) for sequence in sequences], kind="stable")
    return [order[i : i + batch_size] for i in range(0, len(order), batch_size)]


def pad_left(sequences):
    """Pad sequences on the left, so that their last tokens are in the same column.

    Parameters
    ----------
    sequences : list of B int arrays

    Returns
    -------
    ids : (B, T) int64 array
    mask : (B, T) bool array, or None
        True at tokens, False at padding; None if no padding is needed.
    """
    lengths = np.array([len(sequence) for sequence in sequences])
    T = lengths.max()
    mask = np.arange(T) >= T - lengths[:, None]
    ids = np.zeros(mask.shape, dtype=np.int64)
    ids[mask] = np.concatenate(sequences)
    return ids, None if mask.all() else mask
