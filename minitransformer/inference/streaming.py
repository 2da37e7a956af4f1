"""Text as it is written: whole characters, as soon as they are known."""

import codecs

import numpy as np

from minitransformer.inference.generate import check_options, tokens
from minitransformer.inference.prompts import check_ends, reads_sources


class TextStream:
    """Turns tokens into text, one by one: what they add to the text of the prompt.

    Without a prompt the pieces together are ``tokenizer.decode(ids)``.

    A token of byte-level BPE may end within a character: its bytes wait for the rest. (Half of a
    surrogate pair, which no terminal can show, is U+FFFD here.) Where tokens are words, what stands
    between two of them depends on both, so all of the text is decoded for every token.

    Parameters
    ----------
    tokenizer : tokenizer
    prompt : sequence of int
        The tokens that are gone on with.
    """

    def __init__(self, tokenizer, prompt=()):
        self.tokenizer = tokenizer
        self._waiting = b""  # bytes of a character that is not whole yet
        self._ids = list(prompt)  # where tokens are words, and how much of them has been given
        self._given = len(tokenizer.decode(self._ids))

    def write(self, token):
        """The text that `token`, an int, makes known; it may be empty."""
        if hasattr(self.tokenizer, "decode_bytes"):
            return self._write_bytes(self.tokenizer.decode_bytes([token]))
        if self.tokenizer.kind == "characters":
            return self.tokenizer.decode([token])
        self._ids.append(token)
        text = self.tokenizer.decode(self._ids)
        new, self._given = text[self._given :], len(text)
        return new

    def end(self):
        """What is left when no token follows: U+FFFD for a character that never became whole."""
        left, self._waiting = self._waiting, b""
        return left.decode("utf-8", "replace")

    def _write_bytes(self, content):
        content = self._waiting + content
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        decoder.decode(content)
        unfinished, _ = decoder.getstate()
        whole = len(content) - len(unfinished)
        self._waiting = content[whole:]
        return content[:whole].decode("utf-8", "replace")


def continuation(tokenizer, prompt, ids):
    """The text that `ids` add to that of the `prompt`.

    Where tokens are words, a space may stand between the two that neither has by itself.

    Parameters
    ----------
    tokenizer : tokenizer
    prompt, ids : (T,) int array

    Returns
    -------
    str
    """
    text = TextStream(tokenizer, prompt)
    return "".join([*map(text.write, ids), text.end()])


def stream(model, tokenizer, prompt, **options):
    """Go on with a text, and give what is written piece by piece.

    >>> for text in stream(model, tokenizer, "ROMEO:", max_new_tokens=200, slide=True):
    ...     print(text, end="", flush=True)

    Parameters
    ----------
    model : GPT or Transformer
    tokenizer : tokenizer
    prompt : str or (T,) int array
        A text is encoded; a model with an encoder reads it with `end_id` behind it.
    **options
        Those of :func:`~minitransformer.inference.generate.tokens`. `end_id` is the tokenizer's
        unless it is given, and so is `start_id` for a model with an encoder.

    Yields
    ------
    str
        Never empty.

    Raises
    ------
    TypeError, ValueError
        At once, not when the first piece is asked for.
    """
    check_options("stream", options)
    options.setdefault("end_id", tokenizer.end_id)
    ids = tokenizer.encode(prompt) if isinstance(prompt, str) else prompt
    if reads_sources(model):
        options.setdefault("start_id", tokenizer.start_id)
        _, end_id = check_ends(model, options["start_id"], options["end_id"])
        if isinstance(prompt, str):
            ids = np.append(ids, end_id)
    before = () if reads_sources(model) else ids
    return _pieces(tokens(model, [ids], **options), before, tokenizer)


def _pieces(written, before, tokenizer):
    text = TextStream(tokenizer, before)
    for _, token in written:
        if piece := text.write(token):
            yield piece
    if piece := text.end():
        yield piece
