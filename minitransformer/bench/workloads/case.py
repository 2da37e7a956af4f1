"""What all cases of a benchmark have in common."""

from dataclasses import asdict, dataclass
from typing import ClassVar

SEED = 0


@dataclass(frozen=True)
class Case:
    """One row of a benchmark: a step that is repeated, in float32.

    Each side implements the steps for each `kind` of case.

    Attributes
    ----------
    name : str
        Name of the case in tables and figures.
    dropout : float
        The dropout probability.
    batches : int
        Number of different batches. They are used in turn, after each has been used once untimed.
    repeats : int
        Number of timed steps, unless the caller asks for a different number.
    kind : str
        The kind of case, a key of ``KINDS``.
    work : str
        Description of one step.
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
    def unequal(self):
        """Whether the sequences of a batch differ in length, so that groups of like length pay."""
        return False

    @property
    def title(self):
        """Name and dropout, in words."""
        return f"{self.name}, dropout {self.dropout:g}"

    def tokens(self):
        """Number of tokens that a step reads or generates, without padding (mean over batches)."""
        raise NotImplementedError

    def flops(self):
        """Number of operations in the matrix products of a step: the mean over the batches.

        A product (m, k) x (k, n) counts as 2 m k n operations. The backward pass has two products
        for each product of the forward pass. Three kinds of operations are not counted: those on
        padding, those on entries hidden by a causal mask, and those that an implementation repeats
        to save memory.
        """
        raise NotImplementedError

    def times_as_large(self, other):
        """Memory of this case divided by that of another case; None if unknown."""
        return None


def block_flops(tokens, pairs, D, F, projections=4):
    """Number of operations in a block's forward pass.

    Parameters
    ----------
    tokens : float
        Number of tokens that pass through the block.
    pairs : float
        Number of pairs of a query and a key to which the query may attend.
    D, F : int
        Widths of the model and of the feed-forward network.
    projections : int
        Number of maps (D, D) applied to each token: Q, K, V, output.
    """
    return 2 * tokens * (projections * D * D + 2 * D * F) + 2 * 2 * pairs * D
