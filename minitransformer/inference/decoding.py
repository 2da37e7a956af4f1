"""Logits of the next token for a batch of growing sequences.

Only this file deals with key-value caches and sliding windows. The rest of the folder passes in the
chosen tokens and the rows to continue, and gets logits back.
"""

import numpy as np

from minitransformer.backend import array_module, to_device, to_host
from minitransformer.data import pad
from minitransformer.inference.prompts import pad_left


class Decoding:
    """A batch of texts that are being generated.

    Parameters
    ----------
    model : GPT or Transformer
    sequences : list of B int arrays
        Prompts, or source sentences for a model with an encoder.
    steps : int
        Maximum number of new tokens.
    start_id : int, optional
        The first token that the decoder reads, for a model with an encoder.
    vocab_size : int, optional
        The logits of ids from this number on are -inf. By default, no logit is changed.

    Without an encoder, a text may become longer than the model's `max_len`. From then on, all of
    its last `max_len` tokens are read again for every new token: their positions have changed, so
    the cached keys and values are no longer valid.
    """

    def __init__(self, model, sequences, steps, *, start_id=None, vocab_size=None):
        self.model, self.sequences, self.steps = model, sequences, steps
        self.start_id, self.max_len = start_id, model.config["max_len"]
        self.vocab_size = vocab_size
        self.device = array_module(model.flat.values).__name__
        self.state, self.capacity = None, steps
        # If a prompt is shorter than others, the columns may run out before its text is finished.
        longest = max(len(sequence) for sequence in sequences)
        self.reads_again = start_id is None and longest + steps - 1 > self.max_len

    def begin(self):
        """Logits (B, V) of the first token, on the host."""
        if self.start_id is None:
            return self._read()
        ids, mask = pad(self.sequences)
        ids, mask = self._on_device(ids), None if mask.all() else self._on_device(mask)
        self.state = self.model.start(ids, mask, self.capacity)
        return self._extend(np.full((len(self.sequences), 1), self.start_id), None)

    def next(self, ids):
        """Append an id from `ids` (B,) to each row -> logits (B, V) of the token after that."""
        if self.reads_again:
            pairs = zip(self.sequences, ids, strict=True)
            self.sequences = [np.append(sequence, token) for sequence, token in pairs]
            if self.state.length == self.capacity:
                return self._read()
        return self._extend(ids[:, None], None)

    def select(self, rows):
        """Continue with these rows of the batch, an (n,) int array. A row may be repeated."""
        if self.reads_again:
            self.sequences = [self.sequences[row] for row in rows]
        self.state.select(rows)

    def _read(self):
        """Read the last tokens of each row, at most `max_len` -> logits (B, V) of the next."""
        ids, mask = pad_left([sequence[-self.max_len :] for sequence in self.sequences])
        self.capacity = min(ids.shape[1] + self.steps - 1, self.max_len)
        self.state = self.model.start(len(ids), self.capacity)
        return self._extend(ids, mask)

    def _extend(self, ids, mask):
        mask = None if mask is None else self._on_device(mask)
        logits = self.model.extend(self._on_device(ids), self.state, mask=mask, last=True)
        logits = to_host(logits)
        if self.vocab_size is not None:
            logits[:, self.vocab_size :] = -np.inf
        return logits

    def _on_device(self, array):
        return to_device(array, self.device)


def check_logits(largest, rows):
    """Refuse logits whose largest value is not finite.

    Parameters
    ----------
    largest : (B,) array
        The largest logit of each row, or NaN if the row contains a NaN.
    rows : sequence of B ints
        The number of each row, for the message.

    Raises
    ------
    ValueError
    """
    finite = np.isfinite(largest)
    if not finite.all():
        row = int(np.argmin(finite))
        raise ValueError(
            f"the logits of sequence {rows[row]} must be finite, got a largest of {largest[row]}: "
            "the weights are damaged, or training diverged"
        )
