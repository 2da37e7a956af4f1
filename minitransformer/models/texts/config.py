"""The configs of the text classifiers without attention. They are frozen, checked on creation."""

from dataclasses import dataclass

from minitransformer.layers import CELLS
from minitransformer.models.config_base import ModelConfig, suggest_names

RECURRENT_POOLINGS = ("last", "mean", "max")


@suggest_names
@dataclass(frozen=True)
class TextCNNConfig(ModelConfig):
    """Config of :class:`~minitransformer.models.TextCNN`; widths and filters as in the paper.

    Parameters
    ----------
    vocab_size : int
        V: token ids are 0 to V - 1.
    n_classes : int
        C, the number of classes, at least 2.
    max_len : int
        Maximum number of tokens in a text.
    d_model : int
        D, the width of a token's vector.
    widths : tuple of int
        Number of neighbouring tokens that the filters see; one group of filters for each width.
    n_filters : int
        F, the number of filters of each width.
    dropout : float
        Probability of dropping an entry of the pooled vector.
    seed : int
        Seed of the initial weights and of everything random in training.
    dtype : {"float16", "float32", "float64"}
        The dtype of the parameters and of everything computed from them.
    ops : {"fused", "plain"}
        Whether the layers call the faster functions of `fused`, or those of `functional`.

    Raises
    ------
    TypeError
        If a name is unknown (the message suggests close matches), or dropout is not a number.
    ValueError
        If a value is out of range; the message says what is allowed.
    """

    vocab_size: int
    n_classes: int
    max_len: int = 256
    d_model: int = 128
    widths: tuple = (3, 4, 5)
    n_filters: int = 100
    dropout: float = 0.5
    seed: int = 0
    dtype: str = "float32"
    ops: str = "fused"

    sizes = "vocab_size, d_model, widths and n_filters"

    def _check(self, name, value):
        if name != "widths":
            return super()._check(name, value)
        if not isinstance(value, tuple | list) or not value:
            raise ValueError(f"widths must be a tuple such as (3, 4, 5), got {value!r}")
        for width in value:
            self._check_size("a width in widths", width)
        if len(set(value)) < len(value):
            raise ValueError(f"widths must be different from each other, got {value!r}")
        return object.__setattr__(self, name, tuple(int(width) for width in value))

    def fewest_parameters(self):
        """The embedding V D, and K D F for the filters of each width K."""
        D, F = self.d_model, self.n_filters
        return self.vocab_size * D + sum(self.widths) * D * F


@suggest_names
@dataclass(frozen=True)
class RecurrentConfig(ModelConfig):
    """Config of :class:`~minitransformer.models.RecurrentClassifier`.

    Parameters
    ----------
    vocab_size, n_classes, max_len, d_model : int
        As in :class:`TextCNNConfig`.
    cell : {"lstm", "gru", "rnn"}
        The recurrence.
    d_state : int
        E, the width of the state of each direction.
    n_layers : int
        N, the number of recurrent layers, one above the other, at least 1.
    bidirectional : bool
        Whether every layer also reads the text from its end.
    pooling : {"last", "mean", "max"}
        What represents the text: the state after its last token (for the backward direction, after
        its first), or the mean or the maximum of the outputs at all tokens.
    dropout : float
        Probability of dropping an entry of the embeddings, of the output of each layer and of the
        pooled vector.
    seed, dtype, ops
        As in :class:`TextCNNConfig`.

    Raises
    ------
    TypeError
        If a name is unknown (the message suggests close matches), or dropout is not a number.
    ValueError
        If a value is out of range; the message says what is allowed.
    """

    vocab_size: int
    n_classes: int
    cell: str = "lstm"
    max_len: int = 256
    d_model: int = 128
    d_state: int = 128
    n_layers: int = 1
    bidirectional: bool = False
    pooling: str = "last"
    dropout: float = 0.2
    seed: int = 0
    dtype: str = "float32"
    ops: str = "fused"

    sizes = "vocab_size, d_model, d_state and n_layers"
    choices = {"cell": tuple(CELLS), "pooling": RECURRENT_POOLINGS}

    def _check_together(self):
        if self.n_layers < 1:
            raise ValueError(f"n_layers must be an integer of at least 1, got {self.n_layers}")

    @property
    def d_output(self):
        """The width of a layer's output: E, or 2E if it reads in both directions."""
        return self.d_state * (2 if self.bidirectional else 1)

    def fewest_parameters(self):
        """The embedding V D, and in each layer and direction G (D_in E + E^2) for G gates."""
        D, E, gates = self.d_model, self.d_state, CELLS[self.cell]
        first = gates * (D + E) * self.d_output
        others = gates * (self.d_output + E) * self.d_output
        return self.vocab_size * D + first + (self.n_layers - 1) * others


@suggest_names
@dataclass(frozen=True)
class BagConfig(ModelConfig):
    """Config of :class:`~minitransformer.models.BagOfEmbeddings`.

    Parameters
    ----------
    vocab_size, n_classes, max_len, d_model : int
        As in :class:`TextCNNConfig`.
    n_pairs : int
        Number of vectors for pairs of neighbouring tokens. A hash of the two ids chooses the
        vector, so several pairs share one. 0 = single tokens only.
    dropout : float
        Probability of dropping an entry of the mean vector.
    seed, dtype, ops
        As in :class:`TextCNNConfig`.

    Raises
    ------
    TypeError
        If a name is unknown (the message suggests close matches), or dropout is not a number.
    ValueError
        If a value is out of range; the message says what is allowed.
    """

    vocab_size: int
    n_classes: int
    max_len: int = 256
    d_model: int = 64
    n_pairs: int = 0
    dropout: float = 0.0
    seed: int = 0
    dtype: str = "float32"
    ops: str = "fused"

    sizes = "vocab_size, n_pairs and d_model"

    def fewest_parameters(self):
        """One vector for each token and for each pair, (V + n_pairs) D."""
        return (self.vocab_size + self.n_pairs) * self.d_model
