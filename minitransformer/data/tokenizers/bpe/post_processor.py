"""The "post_processor" of a tokenizer.json: the tokens that it puts around every text."""


def token_before(processor, vocabulary, path):
    """The special token that `processor` puts before a text, if any.

    Parameters
    ----------
    processor : object
        The value of ``post_processor``: null, ByteLevel (which changes only offsets), a
        TemplateProcessing, or a Sequence of these. A template for pairs of texts is ignored.
    vocabulary : dict of str to int
        Tokens and their ids.
    path : path-like
        Path of the file, for messages.

    Returns
    -------
    str or None

    Raises
    ------
    ValueError
        If `processor` does anything else, such as putting a token after the text.
    """
    tokens = []
    for step in _steps(processor, path):
        kind = step.get("type") if isinstance(step, dict) else step
        if kind == "TemplateProcessing":
            tokens += _template(step, vocabulary, path)
        elif kind != "ByteLevel":
            raise ValueError(
                f"{path}: post_processor must be ByteLevel, TemplateProcessing or a Sequence "
                f"of them, got {kind!r:.60}"
            )
    if len(tokens) > 1:
        raise ValueError(
            f"{path}: post_processor must put at most one token before a text, got {len(tokens)}"
        )
    return tokens[0] if tokens else None


def _steps(processor, path):
    if not isinstance(processor, dict) or processor.get("type") != "Sequence":
        return [] if processor is None else [processor]
    steps = processor.get("processors")
    if not isinstance(steps, list):
        raise ValueError(
            f"{path}: post_processor.processors must be a list, got {type(steps).__name__}"
        )
    return steps


def _template(step, vocabulary, path):
    """Tokens before the text in ``[{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}]``.

    The ids of each special token are in ``special_tokens``.
    """
    pieces, where = step.get("single"), f"{path}: post_processor.single"
    if not isinstance(pieces, list):
        raise ValueError(f"{where} must be a list, got {type(pieces).__name__}")
    names = [_piece(piece, where) for piece in pieces]
    if names.count(None) != 1 or names[-1] is not None:
        shown = " ".join("TEXT" if name is None else name for name in names)
        raise ValueError(
            f"{where} must be a text, with or without a token before it, got {shown!r:.80}"
        )
    tables = step.get("special_tokens")
    for name in names[:-1]:
        entry = tables.get(name) if isinstance(tables, dict) else None
        ids = entry.get("ids") if isinstance(entry, dict) else None
        if name not in vocabulary or ids != [vocabulary[name]]:
            raise ValueError(
                f"{path}: post_processor.special_tokens gives {name!r} the ids "
                f"{ids!r:.60}, but the vocabulary gives it {vocabulary.get(name)!r}"
            )
    return names[:-1]


def _piece(piece, where):
    """The name of a special token, or None for the text."""
    if isinstance(piece, dict) and len(piece) == 1:
        ((kind, value),) = piece.items()
        name = value.get("id") if isinstance(value, dict) else None
        if (kind, name) == ("Sequence", "A"):
            return None
        if kind == "SpecialToken" and isinstance(name, str):
            return name
    raise ValueError(f"{where} contains {piece!r:.60}, which is not supported")
