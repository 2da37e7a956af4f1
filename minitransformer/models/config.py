"""The configs: all settings that define a model. They are frozen, and checked on creation."""

from dataclasses import dataclass

from minitransformer.layers import ACTIVATIONS, POSITIONS
from minitransformer.models.config_base import suggest_names
from minitransformer.models.transformer_settings import TransformerSettings

GPT_POSITIONS = ("learned", "rotary", "alibi", "sinusoidal", "none")
TRANSFORMER_POSITIONS = ("sinusoidal", "sinusoidal_halves", "learned", "none")


@suggest_names
@dataclass(frozen=True)
class ClassifierConfig(TransformerSettings):
    """Config of :class:`~minitransformer.models.TransformerClassifier`.

    Parameters that are not described here are described in
    :class:`~minitransformer.models.transformer_settings.TransformerSettings`.

    Parameters
    ----------
    vocab_size, max_len, d_model, n_heads, d_ff, n_layers : int
    n_classes : int
        C, the number of classes, at least 2.
    dropout : float
    norm : {"pre", "post"}
        "pre" also puts a layer norm between the last block and the pooling.
    positions : {"sinusoidal", "learned", "scalar", "none", "sinusoidal_halves"}
        Kind of positional encoding.
    pooling : {"mean", "max", "first"}
        How the vectors of a text's tokens are combined into one vector. Padding is left out.
    activation : {"relu", "gelu", "gelu_tanh", "silu"}
    attention, seed, dtype, ops

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
    n_heads: int = 4
    d_ff: int = 512
    n_layers: int = 2
    dropout: float = 0.1
    norm: str = "pre"
    positions: str = "sinusoidal"
    pooling: str = "mean"
    activation: str = "gelu"
    attention: str = "full"
    seed: int = 0
    dtype: str = "float32"
    ops: str = "fused"

    choices = {"positions": POSITIONS, "activation": ACTIVATIONS}


@suggest_names
@dataclass(frozen=True)
class GPTConfig(TransformerSettings):
    """Config of :class:`~minitransformer.models.GPT`; the defaults describe GPT-2's smallest model.

    Parameters that are not described here are described in
    :class:`~minitransformer.models.transformer_settings.TransformerSettings`.

    Parameters
    ----------
    vocab_size, max_len, d_model, n_heads, n_layers : int
    n_kv_heads : int, optional
        Number of heads of keys and values, if it is smaller than the number of query heads.
    d_ff : int, optional
        By default 4 d_model; for "swiglu", 8/3 of d_model rounded up to a multiple of 8.
    dropout, norm, norm_kind, norm_eps, final_norm
    positions : {"learned", "rotary", "alibi", "sinusoidal", "none"}
        Kind of positional encoding.
    activation : {"gelu_tanh", "gelu", "relu", "silu", "swiglu"}
    bias, tied, head_bias, scale_embeddings : bool
    window : int, optional
        Number of tokens that each token sees, itself included. By default, it sees all tokens
        before it.
    rotary_base : float
        Base of the angles of rotary positions.
    attention, seed, dtype, ops

    Raises
    ------
    TypeError
        If a name is unknown (the message suggests close matches), or dropout is not a number.
    ValueError
        If a value is out of range; the message says what is allowed.
    """

    vocab_size: int
    max_len: int = 1024
    d_model: int = 768
    n_heads: int = 12
    n_kv_heads: int | None = None
    d_ff: int | None = None
    n_layers: int = 12
    dropout: float = 0.1
    norm: str = "pre"
    norm_kind: str = "layer"
    norm_eps: float = 1e-5
    final_norm: bool | None = None
    positions: str = "learned"
    activation: str = "gelu_tanh"
    bias: bool = True
    tied: bool = True
    head_bias: bool = False
    scale_embeddings: bool = False
    window: int | None = None
    rotary_base: float = 10000.0
    attention: str = "full"
    seed: int = 0
    dtype: str = "float32"
    ops: str = "fused"

    choices = {"positions": GPT_POSITIONS}

    def _check_together(self):
        super()._check_together()
        if self.n_kv_heads is not None and self.n_heads % self.n_kv_heads:
            raise ValueError(
                f"n_kv_heads must divide n_heads = {self.n_heads}, got {self.n_kv_heads}"
            )
        if self.positions == "rotary" and self.d_model // self.n_heads % 2:
            raise ValueError(
                "rotary positions rotate pairs of features: d_model / n_heads must be even, "
                f"got {self.d_model // self.n_heads}"
            )

    @classmethod
    def llama(cls, vocab_size, **changes):
        """A Llama-style model: rotary positions, RMS norm, gated feed-forward, no biases."""
        style = {
            "norm_kind": "rms", "positions": "rotary", "activation": "swiglu", "bias": False,
            "tied": False, "norm_eps": 1e-6, "dropout": 0.0,
        }  # fmt: skip
        return cls(vocab_size, **{**style, **changes})

    @property
    def n_classes(self):
        """The model chooses among the tokens of its vocabulary."""
        return self.vocab_size

    @property
    def hidden(self):
        """F, the width inside the feed-forward network."""
        if self.d_ff is not None:
            return self.d_ff
        if self.activation == "swiglu":
            return -(-8 * self.d_model // 24) * 8
        return 4 * self.d_model

    def block_options(self):
        """The keyword arguments of the blocks."""
        return super().block_options() | {
            "n_kv_heads": self.n_kv_heads,
            "norm_kind": self.norm_kind,
        }


@suggest_names
@dataclass(frozen=True)
class TransformerConfig(TransformerSettings):
    """Config of :class:`~minitransformer.models.Transformer`; defaults: the paper's base model.

    Parameters that are not described here are described in
    :class:`~minitransformer.models.transformer_settings.TransformerSettings`.

    Parameters
    ----------
    vocab_size : int
        Size of the source vocabulary.
    target_vocab_size : int, optional
        Size of the target vocabulary. By default, source and target share one vocabulary.
    max_len : int
        Maximum number of tokens in a source, and in a target.
    d_model, n_heads, d_ff, n_layers : int
    n_decoder_layers : int, optional
        Number of decoder blocks. By default, both stacks have n_layers blocks.
    dropout, norm, norm_eps
    final_norm : bool, optional
        Whether a norm follows the last block of both stacks. By default, one does if `norm` is
        "pre".
    activation : {"relu", "gelu", "gelu_tanh", "silu", "swiglu"}
    positions : {"sinusoidal", "sinusoidal_halves", "learned", "none"}
        Kind of positional encoding.
    tied : bool
        Whether one table embeds source and target and also scores the target's tokens (section
        3.4). With two vocabularies, source and target have their own tables, and the
        target's table also scores the target's tokens.
    head_bias, scale_embeddings, bias : bool
    attention, seed, dtype, ops

    Raises
    ------
    TypeError
        If a name is unknown (the message suggests close matches), or dropout is not a number.
    ValueError
        If a value is out of range; the message says what is allowed.
    """

    vocab_size: int
    target_vocab_size: int | None = None
    max_len: int = 128
    d_model: int = 512
    n_heads: int = 8
    d_ff: int = 2048
    n_layers: int = 6
    n_decoder_layers: int | None = None
    dropout: float = 0.1
    norm: str = "post"
    norm_eps: float = 1e-5
    final_norm: bool | None = None
    activation: str = "relu"
    positions: str = "sinusoidal"
    tied: bool = True
    head_bias: bool = False
    scale_embeddings: bool = True
    bias: bool = True
    attention: str = "full"
    seed: int = 0
    dtype: str = "float32"
    ops: str = "fused"

    choices = {"positions": TRANSFORMER_POSITIONS}

    @property
    def n_classes(self):
        """The model chooses among the tokens of the target vocabulary."""
        return self.target_vocab_size or self.vocab_size

    @property
    def depth(self):
        """Number of decoder blocks."""
        return self.n_layers if self.n_decoder_layers is None else self.n_decoder_layers

    @property
    def n_blocks(self):
        return self.n_layers + self.depth
