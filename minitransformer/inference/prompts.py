"""What is given to a model to go on from: checked, cut into batches, padded."""

import numpy as np

from minitransformer.functional import check_ids
from minitransformer.training.names import check_count


def reads_sources(model):
    """Whether `model` has an encoder: what it is given is then read, not gone on with."""
    return hasattr(model, "encode")


def target_size(model):
    """V, how many tokens the model writes with."""
    config = model.config
    return config.get("target_vocab_size") or config["vocab_size"]


def read_prompts(model, prompts, longest=None):
    """The prompts, or the source sentences, as int64 arrays.

    Parameters
    ----------
    model : GPT or Transformer
    prompts : list of int arrays or lists
    longest : int, optional
        Most tokens in one; None: any number, because a window slides over them.

    Raises
    ------
    TypeError
        If they are no list of id sequences.
    ValueError
        If there is none, or one is empty, too long, or holds an id that the model does not know.
    """
    kind = "source" if reads_sources(model) else "prompt"
    if isinstance(prompts, str) or not hasattr(prompts, "__len__"):
        raise TypeError(f"{kind}s must be a list of id arrays, got {type(prompts).__name__}")
    if len(prompts) == 0:
        raise ValueError(f"{kind}s is empty: give at least one {kind}")
    return [
        _read_one(f"{kind} {i}", prompt, model.config["vocab_size"], longest)
        for i, prompt in enumerate(prompts)
    ]


def _read_one(name, prompt, vocab_size, longest):
    ids = np.asarray(prompt)
    if ids.ndim != 1:
        raise ValueError(f"{name} must be a sequence of ids, got an array of shape {ids.shape}")
    if ids.size == 0:
        raise ValueError(f"{name} is empty: give at least one token, for instance the start token")
    check_ids(ids, vocab_size, name)
    if longest is not None and len(ids) > longest:
        hint = "" if name.startswith("source") else ", or let a window slide with slide=True"
        raise ValueError(f"{name} has {len(ids)} tokens, at most {longest} are allowed{hint}")
    return ids.astype(np.int64)


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


def check_ends(model, start_id, end_id, *, needs_end):
    """Refuse start and end tokens that the model does not know, or cannot do without.

    Raises
    ------
    TypeError, ValueError
    """
    size = target_size(model)
    if reads_sources(model):
        needs_end = True
        if start_id is None:
            raise ValueError("start_id is missing: a translation is written from the start token")
    elif start_id is not None:
        raise ValueError("start_id is for models with an encoder: put it into the prompts instead")
    if needs_end and end_id is None:
        raise ValueError("end_id is missing: without an end token nobody knows what is finished")
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
