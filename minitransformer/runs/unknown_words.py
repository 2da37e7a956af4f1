"""How much of a text a tokenizer does not know."""

LIMIT = 0.1
"""A fraction of unknown words that calls for a warning."""


def unknown_words(tokenizer, sequences, what):
    """The end of a message, with a warning if more than a tenth of the words are unknown.

    Parameters
    ----------
    tokenizer : Tokenizer
    sequences : list of (T,) int arrays
        The ids of the texts.
    what : str
        The texts, in words.

    Returns
    -------
    str
        A line, with the line end before it; or nothing.
    """
    count = sum(map(len, sequences))
    unknown = sum(int((ids == tokenizer.unknown_id).sum()) for ids in sequences)
    if tokenizer.unknown_id is None or unknown <= LIMIT * count:
        return ""
    return f"\nwarning: {unknown / count:.0%} of the words of {what} are unknown to the model"
