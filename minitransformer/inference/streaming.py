"""Streaming: text while it is generated, in whole characters, each as soon as it is complete."""

import codecs

import numpy as np

from minitransformer.inference.generate import check_options, tokens
from minitransformer.inference.prompts import (
    MODEL,
    check_ends,
    read_end_ids,
    reads_sources,
    target_size,
)


class TextStream:
    """Turns tokens into text one by one: each token gives the piece that it adds to the text.

    Without a prompt, the pieces joined together are ``tokenizer.decode(ids)``.

    A token of byte-level BPE may end within a character. The incomplete bytes are then held back
    until the rest arrives. If tokens are words, the characters between two words depend on both
    words, so the whole text is decoded for every token.

    Parameters
    ----------
    tokenizer : tokenizer
        The tokenizer of the model.
    prompt : sequence of int
        The token ids that the text continues.
    """

    def __init__(self, tokenizer, prompt=()):
        self.tokenizer = tokenizer
        self._waiting = b""  # bytes of an incomplete character
        self._ids = list(prompt)  # all tokens so far, used only if tokens are words
        self._returned = len(tokenizer.decode(self._ids))  # number of characters that are not new

    def write(self, token):
        """The text that `token`, an int, adds; it may be empty."""
        if hasattr(self.tokenizer, "decode_bytes"):
            return self._write_bytes(self.tokenizer.decode_bytes([token]))
        if self.tokenizer.kind == "characters":
            return self.tokenizer.decode([token])
        self._ids.append(token)
        text = self.tokenizer.decode(self._ids)
        new, self._returned = text[self._returned :], len(text)
        return new

    def end(self):
        """The rest of the text when no token follows: U+FFFD for an incomplete character."""
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
    """The text that `ids` add to the text of `prompt`.

    If tokens are words, it may begin with a space that neither text has by itself.

    Parameters
    ----------
    tokenizer : tokenizer
        The tokenizer of the model.
    prompt, ids : (T,) int array
        The prompt, and the tokens generated after it.

    Returns
    -------
    str
    """
    text = TextStream(tokenizer, prompt)
    return "".join([*map(text.write, ids), text.end()])


def stream(model, tokenizer, prompt, **options):
    """Continue a prompt, or translate a source sentence, and yield the text piece by piece.

    >>> for text in stream(model, tokenizer, "ROMEO:", max_new_tokens=200, slide=True):
    ...     print(text, end="", flush=True)

    Parameters
    ----------
    model : GPT or Transformer
    tokenizer : tokenizer
        The tokenizer of the model.
    prompt : str or (T,) int array
        A string is encoded. For a model with an encoder, `end_id` is appended to it, or the first
        of several.
    **options
        The options of :func:`~minitransformer.inference.generate.tokens`. By default, a text ends
        at the tokenizer's end token or at one of the model's own `end_ids`, and only ids that the
        tokenizer has are chosen. For a model with an encoder, the default of `start_id` is the
        tokenizer's start token.

    Yields
    ------
    str
        The next piece; never empty.

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid. It is raised immediately, not when the first piece is requested.
    """
    check_options("stream", options)
    options.setdefault("end_id", MODEL)
    if isinstance(options["end_id"], str) and options["end_id"] == MODEL:
        options["end_id"] = _end_ids(model, tokenizer)
    if options.get("vocab_size") is None:
        options["vocab_size"] = min(target_size(model), len(tokenizer))
    ids = tokenizer.encode(prompt) if isinstance(prompt, str) else prompt
    if reads_sources(model):
        options.setdefault("start_id", tokenizer.start_id)
        _, end_ids = check_ends(model, options["start_id"], options["end_id"])
        if isinstance(prompt, str):
            ids = np.append(ids, end_ids[0])
    before = () if reads_sources(model) else ids
    return _pieces(tokens(model, [ids], **options), TextStream(tokenizer, before))


def _end_ids(model, tokenizer):
    """The tokenizer's end token, if it has one, and those of the model."""
    own = () if tokenizer.end_id is None else (tokenizer.end_id,)
    return tuple(dict.fromkeys((*own, *read_end_ids(model, MODEL))))


def _pieces(generated, text):
    for _, token in generated:
        if piece := text.write(token):
            yield piece
    if piece := text.end():
        yield piece
