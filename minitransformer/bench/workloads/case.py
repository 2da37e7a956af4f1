"""What all cases of a benchmark have in common."""

from dataclasses import asdict, dataclass
from typing import ClassVar

SEED = 0


@dataclass(frozen=True)
class Case:
    """One row of a benchmark: a piece of work that is repeated, in float32.

    Each side has its own steps for each `kind` of case.

    Attributes
    ----------
    name : str
        Its name in tables and figures.
    dropout : float
        The dropout probability.
    batches : int
        Number of different batches. They are used in turn, each once untimed first.
    repeats : int
        Number of timed steps, unless the caller asks for a different number.
    kind : str
        The kind of work, a key of ``KINDS``.
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
        """Kind and settings, ready for JSON."""
        return {"kind": self.kind, **asdict(self)}

    @property
    def title(self):
        """Name and dropout, in words."""
        return f"{self.name}, dropout {self.dropout:g}"

    def tokens(self):
        """Tokens that a step reads, or generates: the mean over the batches, without padding."""
        raise NotImplementedError

    def flops(self):
        """Operations in the matrix products of a step: the mean over the batches.

        A product (m, k) x (k, n) is 2 m k n operations. The backward pass takes two products for
        each one of the forward pass. Three things do not count: padding, what a causal mask hides,
        and what an implementation computes twice to save memory.
        """
        raise NotImplementedError

    def times_as_large(self, other):
        """How many times the memory of another case this one needs; None if unknown."""
        return None


def block_flops(tokens, pairs, D, F, projections=4):
    """Operations in a block's forward pass.

    Parameters
    ----------
    tokens : float
        Number of tokens that pass through the block.
    pairs : float
        Number of pairs of a query and a key that it may see.
    D, F : int
        Widths of the model and of the feed-forward network.
    projections : int
        Number of maps (D, D) applied to each token: Q, K, V, output.
    """
    return 2 * tokens * (projections * D * D + 2 * D * F) + 2 * 2 * pairs * D
