"""What every case of a benchmark says of itself, whatever the work is."""

from dataclasses import asdict, dataclass
from typing import ClassVar

SEED = 0


@dataclass(frozen=True)
class Case:
    """One row of a benchmark: a piece of work that is done again and again, in float32.

    Each side has a class of steps for each `kind` of case.

    Attributes
    ----------
    name : str
    dropout : float
    batches : int
        Different data, taken in turn; each once untimed.
    repeats : int
        Steps that are timed, where nothing else is asked for.
    kind : str
        Which kind of case it is.
    work : str
        What one step is, in words.
    """

    name: str
    dropout: float
    batches: int = 4
    repeats: int = 12

    kind: ClassVar[str]
    work: ClassVar[str] = "training step"

    def as_dict(self):
        """Kind and settings, as JSON can hold them."""
        return {"kind": self.kind, **asdict(self)}

    @property
    def title(self):
        """Name and dropout, for a line of its own."""
        return f"{self.name}, dropout {self.dropout:g}"

    def tokens(self):
        """Tokens that a step reads, or writes; the mean over the batches, without padding."""
        raise NotImplementedError

    def flops(self):
        """Operations of the matrix products of a step, the mean over the batches.

        A product (m, k) x (k, n) is 2 m k n operations; the backward pass takes two products for
        each of the forward pass. Padding, and what a causal mask hides, does not count, nor does
        what an implementation computes twice to save memory.
        """
        raise NotImplementedError

    def times_as_large(self, other):
        """How many times the memory of another case this one needs; None where nobody knows."""
        return None


def block_flops(tokens, pairs, D, F, projections=4):
    """Operations of a block's forward pass.

    Parameters
    ----------
    tokens : float
        Tokens that pass through it.
    pairs : float
        Pairs of a query and a key that it sees.
    D, F : int
    projections : int
        Maps (D, D) that each token passes: Q, K, V, output.
    """
    return 2 * tokens * (projections * D * D + 2 * D * F) + 2 * 2 * pairs * D
