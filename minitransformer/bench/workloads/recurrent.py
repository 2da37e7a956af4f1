"""Training steps of a recurrent network, in which the recurrence takes most of the time."""

from dataclasses import dataclass

from minitransformer.bench.workloads.case import Case
from minitransformer.bench.workloads.classifier import batches

GATES = 4


@dataclass(frozen=True)
class RecurrentCase(Case):
    """Training steps with Adam: embedding, one LSTM, a linear head on the state after the text.

    The vocabulary is small, so that the optimiser's work on the embedding does not hide the
    recurrence.

    Attributes
    ----------
    texts : int
        B, the number of sequences per step.
    max_len : int
        T, the length of the longest sequence.
    varied : bool
        If True, lengths differ like those of film reviews. If False, every sequence has T tokens.
    vocab_size, d_model, d_state : int
        The sizes V, D and E of the model.
    """

    texts: int = 64
    max_len: int = 100
    varied: bool = False
    vocab_size: int = 1_000
    d_model: int = 128
    d_state: int = 128

    kind = "recurrent"
    padded = False

    @property
    def sizes(self):
        """The sizes of the model, as a dict of its arguments."""
        names = "vocab_size max_len d_model d_state dropout".split()
        return {name: getattr(self, name) for name in names}

    @property
    def unequal(self):
        return self.varied

    def tokens(self):
        return float(sum(batch.lengths.sum() for batch in batches(self))) / self.batches

    def flops(self):
        per_token = 2 * GATES * (self.d_model + self.d_state) * self.d_state
        return 3 * per_token * self.tokens()

    def times_as_large(self, other):
        """Memory for the gates of all steps, proportional to B T, divided by another case's."""
        return self.texts * self.max_len / (other.texts * other.max_len)


def recurrent(dropout=None):
    """An LSTM on sequences of one length, and on sequences as long as film reviews."""
    p = 0.0 if dropout is None else dropout
    lengths = (100, 200, 400)
    return [
        *(RecurrentCase(f"LSTM, 64 texts of {T} tokens", p, max_len=T) for T in lengths),
        RecurrentCase("LSTM, 64 texts of 10 to 400 tokens", p, max_len=400, varied=True),
    ]
