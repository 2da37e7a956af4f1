"""What a tokenizer.json puts around every text: its "post_processor"."""


def token_before(processor, vocabulary, path):
    """The one special token that `processor` puts before a text.

    Parameters
    ----------
    processor : object
        What stands under ``post_processor``: null, ByteLevel (which moves offsets only), a
        TemplateProcessing, or a Sequence of these. Its template for pairs of texts is not used.
    vocabulary : dict of str to int
    path : path-like
        Named in messages.

    Returns
    -------
    str or None

    Raises
    ------
    ValueError
        If it does anything else, such as putting a token behind the text.
    """
    tokens = []
    for step in _steps(processor, path):
        kind = step.get("type") if isinstance(step, dict) else step
        if kind == "TemplateProcessing":
            tokens += _template(step, vocabulary, path)
        elif kind != "ByteLevel":
            raise ValueError(
                f"{path}: post_processor is {kind!r:.60}; known are ByteLevel, "
                "TemplateProcessing and a Sequence of them"
            )
    if len(tokens) > 1:
        raise ValueError(
            f"{path}: post_processor puts {len(tokens)} tokens before a text; here "
            "there is one at most"
        )
    return tokens[0] if tokens else None


def _steps(processor, path):
    if not isinstance(processor, dict) or processor.get("type") != "Sequence":
        return [] if processor is None else [processor]
    steps = processor.get("processors")
    if not isinstance(steps, list):
        raise ValueError(
            f"{path}: post_processor.processors must be a list, not {type(steps).__name__}"
        )
    return steps


def _template(step, vocabulary, path):
    """Tokens before the text in ``[{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}]``.

    What a special token's name means says ``special_tokens``.
    """
    pieces, where = step.get("single"), f"{path}: post_processor.single"
    if not isinstance(pieces, list):
        raise ValueError(f"{where} must be a list, not {type(pieces).__name__}")
    names = [_piece(piece, where) for piece in pieces]
    if names.count(None) != 1 or names[-1] is not None:
        shown = " ".join("TEXT" if name is None else name for name in names)
        raise ValueError(
            f"{where} is {shown!r:.80}; known is a text at the end, with or without "
            "a token before it"
        )
    tables = step.get("special_tokens")
    for name in names[:-1]:
        meant = tables.get(name) if isinstance(tables, dict) else None
        ids = meant.get("ids") if isinstance(meant, dict) else None
        if name not in vocabulary or ids != [vocabulary[name]]:
            raise ValueError(
                f"{path}: post_processor.special_tokens gives {name!r} the ids "
                f"{ids!r:.60}, the vocabulary {vocabulary.get(name)!r}"
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
    raise ValueError(f"{where} holds {piece!r:.60}, which is not known")
