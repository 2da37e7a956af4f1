"""What is given to a model to go on from: checked, cut into batches, padded."""

import numpy as np

from minitransformer.checks import check_count
from minitransformer.functional import check_ids

SLIDE_HINT = ", or let a window slide with slide=True"


def reads_sources(model):
    """Whether `model` has an encoder: what it is given is then read, not gone on with."""
    return hasattr(model, "encode")


def target_size(model):
    """V, how many tokens the model writes with."""
    config = model.config
    return config.get("target_vocab_size") or config["vocab_size"]


def read_prompts(model, prompts, longest=None, hint=""):
    """The prompts, or the source sentences, as int64 arrays.

    Parameters
    ----------
    model : GPT or Transformer
    prompts : list of int arrays or lists
    longest : int, optional
        Most tokens in one; None: any number, because a window slides over them.
    hint : str
        What else the caller could do about a prompt that is too long, for the message.

    Raises
    ------
    TypeError
        If they are no list of id sequences.
    ValueError
        If there is none, or one is empty, too long, or holds an id that the model does not know.
    """
    kind = "source" if reads_sources(model) else "prompt"
    if isinstance(prompts, str | bytes | dict | set) or not hasattr(prompts, "__len__"):
        raise TypeError(f"{kind}s must be a list of id arrays, got {type(prompts).__name__}")
    if len(prompts) == 0:
        raise ValueError(f"{kind}s is empty: give at least one {kind}")
    hint = "" if kind == "source" else hint
    return [
        _read_one(f"{kind} {i}", prompt, model.config["vocab_size"], longest, hint)
        for i, prompt in enumerate(prompts)
    ]


def _read_one(name, prompt, vocab_size, longest, hint):
    kind = name.split()[0]
    try:
        ids = np.asarray(prompt)
    except ValueError:
        raise ValueError(
            f"{name} must be one flat sequence of ids, such as [5, 2, 7], got lists within it "
            f"that are of different lengths: {kind}s is a list of such sequences"
        ) from None
    if ids.ndim == 0:
        raise TypeError(
            f"{kind}s must be a list of id sequences, such as [[5, 2, 7], [4, 2]], but {name} "
            f"is {prompt!r}: a single sequence is given within a list"
        )
    if ids.ndim != 1:
        raise ValueError(f"{name} must be a sequence of ids, got an array of shape {ids.shape}")
    if ids.size == 0:
        raise ValueError(f"{name} is empty: give at least one token, for instance the start token")
    check_ids(ids, vocab_size, name)
    if longest is not None and len(ids) > longest:
        raise ValueError(f"{name} has {len(ids)} tokens, at most {longest} are allowed{hint}")
    return ids.astype(np.int64)


def read_limits(model, sequences, max_new_tokens, slide=None):
    """Most new tokens of each sequence, from what is asked for and what there is room for.

    `slide` is None where the caller has no such option to advise.

    Raises
    ------
    TypeError, ValueError
        If `max_new_tokens` is no number above 0, or more than the context has room for.
    """
    encoder, max_len = reads_sources(model), model.config["max_len"]
    if slide and encoder:
        raise ValueError("slide is for models without an encoder")
    if slide and max_new_tokens is None:
        raise ValueError("max_new_tokens is missing: with slide=True a text could go on for ever")
    if max_new_tokens is not None:
        max_new_tokens = check_count("max_new_tokens", max_new_tokens)
    if slide:
        return [max_new_tokens] * len(sequences)
    rooms = [max_len if encoder else max_len + 1 - len(sequence) for sequence in sequences]
    if max_new_tokens is None:
        return rooms
    if max_new_tokens > min(rooms):
        where = "in a translation" if encoder else f"behind prompt {int(np.argmin(rooms))}"
        hint = "" if encoder or slide is None else SLIDE_HINT
        raise ValueError(
            f"max_new_tokens is {max_new_tokens}, but max_len = {max_len} leaves room for "
            f"{min(rooms)} {where}: ask for fewer{hint}"
        )
    return [max_new_tokens] * len(sequences)


def check_token(name, token, vocab_size):
    """`token` as an int below `vocab_size`, or None.

    Raises
    ------
    TypeError, ValueError
        If it is no whole number, or out of range.
    """
    if token is None:
        return None
    token = check_count(name, token, 0)
    if token >= vocab_size:
        raise ValueError(f"{name} must lie in 0 .. {vocab_size - 1}, got {token}")
    return token


def check_ends(model, start_id, end_id):
    """Refuse start and end tokens that the model does not know, or cannot do without.

    A translation needs both; what goes on with a prompt needs no start, and may go on for as long
    as is asked for.

    Returns
    -------
    start_id, end_id : int or None

    Raises
    ------
    TypeError, ValueError
    """
    size = target_size(model)
    if reads_sources(model):
        if start_id is None:
            raise ValueError("start_id is missing: a translation is written from the start token")
        if end_id is None:
            raise ValueError("end_id is missing: a translation is finished by the end token")
    elif start_id is not None:
        raise ValueError("start_id is for models with an encoder: put it into the prompts instead")
    return check_token("start_id", start_id, size), check_token("end_id", end_id, size)


def batches_by_length(sequences, batch_size):
    """Indices of sequences of similar length, `batch_size` at a time, in arrays."""
    order = np.argsort([len(sequence) for sequence in sequences], kind="stable")
    return [order[i : i + batch_size] for i in range(0, len(order), batch_size)]


def pad_left(sequences):
    """Sequences of different length with their last tokens in one column.

    Parameters
    ----------
    sequences : list of B int arrays

    Returns
    -------
    ids : (B, T) int64 array
    mask : (B, T) bool array, or None
        True where a token stands; None where no padding is needed.
    """
    lengths = np.array([len(sequence) for sequence in sequences])
    T = lengths.max()
    mask = np.arange(T) >= T - lengths[:, None]
    ids = np.zeros(mask.shape, dtype=np.int64)
    ids[mask] = np.concatenate(sequences)
    return ids, None if mask.all() else mask
