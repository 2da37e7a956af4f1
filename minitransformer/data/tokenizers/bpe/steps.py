"""The steps before byte-pair merging in a tokenizer.json: "normalizer" and "pre_tokenizer"."""

from minitransformer.data.tokenizers.bpe.pieces import FORMS, PATTERNS

_REGEXES = {text: name for name, text in PATTERNS.items()}


def read_flag(step, key, default, where):
    """``step[key]``, which must be true or false; `default` if it is null or missing.

    `where` comes before the key in a message: the path of the file, and the outer keys.
    """
    value = default if step.get(key) is None else step[key]
    if not isinstance(value, bool):
        raise ValueError(f"{where}{key} must be true or false, got {value!r:.60}")
    return value


def read_steps(step, inner, where):
    """The objects in a step, which may be null, one step, or a Sequence of steps.

    Parameters
    ----------
    step : object
        The value in the file.
    inner : str
        The key of the list in a Sequence.
    where : str
        Path of the file and key, for messages.
    """
    if step is None:
        return []
    if not isinstance(step, dict):
        raise ValueError(f"{where} must be an object, got {type(step).__name__}")
    if step.get("type") != "Sequence":
        return [step]
    steps = step.get(inner)
    if not isinstance(steps, list):
        raise ValueError(f"{where}.{inner} must be a list, got {type(steps).__name__}")
    return [part for each in steps for part in read_steps(each, inner, where)]


def normal_form(content, path):
    """The normal form that the "normalizer" gives to a text, or None."""
    where = f"{path}: normalizer"
    forms = [
        step.get("type") for step in read_steps(content.get("normalizer"), "normalizers", where)
    ]
    if any(form not in FORMS for form in forms) or len(set(forms)) > 1:
        raise ValueError(
            f"{where} must be one of {', '.join(FORMS)} or null, got "
            f"{' and '.join(map(str, forms)):.60}"
        )
    return forms[0] if forms else None


def patterns(content, path):
    """The patterns in "pre_tokenizer", and whether a space is put before a text.

    Returns
    -------
    pattern : str or list of str
        As in :class:`ByteLevelBPE`.
    prefix_space : bool
    """
    where = f"{path}: pre_tokenizer"
    *first, last = read_steps(content.get("pre_tokenizer"), "pretokenizers", where) or [{}]
    if last.get("type") != "ByteLevel":
        kind = last.get("type")
        raise ValueError(f"{where} must be 'ByteLevel', or end with it, got {kind!r:.60}")
    names = [_pattern(step, where) for step in first]
    space = read_flag(last, "add_prefix_space", False, f"{where}.")
    if read_flag(last, "use_regex", True, f"{where}."):
        names.append("gpt2")
    elif space or not names:
        names.append("whole")
    return names[0] if len(names) == 1 else names, space


def _pattern(step, where):
    """The pattern of a step before ByteLevel."""
    kind = step.get("type")
    if kind == "Digits":
        return "digits" if read_flag(step, "individual_digits", False, f"{where}.") else "numbers"
    text = step.get("pattern")
    text = text.get("Regex") if isinstance(text, dict) else text
    inverted = read_flag(step, "invert", False, f"{where}.")
    # The matches cover the whole text, so it makes no difference if what is between is removed
    kept = (step.get("behavior"), inverted) in (("Isolated", False), ("Removed", True))
    if kind != "Split" or not kept or text not in list(_REGEXES):
        raise ValueError(
            f"{where} contains {step!r:.80}, which is not supported; before ByteLevel, there may "
            f"be Digits, and Split by the pattern of {', '.join(PATTERNS)} with behavior Isolated, "
            "or Removed and inverted"
        )
    return _REGEXES[text]
