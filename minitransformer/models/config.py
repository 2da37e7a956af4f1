"""The settings of the models that write."""

from dataclasses import dataclass

from minitransformer.models.settings import Settings, helpful

GPT_POSITIONS = ("learned", "rotary", "alibi", "sinusoidal", "none")
TRANSFORMER_POSITIONS = ("sinusoidal", "sinusoidal_halves", "learned", "none")


@helpful
@dataclass(frozen=True)
class GPTConfig(Settings):
    """Settings of :class:`~minitransformer.models.GPT`; the defaults are GPT-2's smallest model.

    Parameters
    ----------
    vocab_size : int
    max_len : int
        Context: most tokens of a sequence.
    d_model, n_heads, n_layers : int
    n_kv_heads : int, optional
        Fewer heads of keys and values than of queries.
    d_ff : int, optional
        By default 4 d_model, or, for "swiglu", 8/3 of it, rounded up to a multiple of 8.
    dropout : float
        Of the embeddings, the attention weights and both residual branches.
    norm : {"pre", "post"}
    norm_kind : {"layer", "rms"}
    norm_eps : float
    final_norm : bool, optional
        By default where the norm is "pre".
    positions : {"learned", "rotary", "alibi", "sinusoidal", "none"}
    activation : {"gelu_tanh", "gelu", "relu", "silu", "swiglu"}
    bias : bool
        Of all linear maps in the blocks.
    tied : bool
        The head uses the embedding's table.
    head_bias : bool
    scale_embeddings : bool
        Multiply them by the root of d_model.
    window : int, optional
        Each token sees so many, itself included, instead of all before it.
    rotary_base : float
    attention : {"full", "tiled"}
    seed : int
    dtype : {"float16", "float32", "float64"}
    ops : {"fused", "plain"}

    Raises
    ------
    TypeError
        If a name is unknown; the message has the near ones. If dropout is no number.
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

    positions_allowed = GPT_POSITIONS

    def __post_init__(self):
        super().__post_init__()
        if self.n_kv_heads is not None and self.n_heads % self.n_kv_heads:
            raise ValueError(
                f"n_kv_heads must divide n_heads = {self.n_heads}, got {self.n_kv_heads}"
            )
        if self.positions == "rotary" and self.d_model // self.n_heads % 2:
            raise ValueError(
                "rotary positions turn pairs of features: d_model / n_heads must be even, "
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
    def hidden(self):
        """F, the width of the feed-forward network."""
        if self.d_ff is not None:
            return self.d_ff
        if self.activation == "swiglu":
            return -(-8 * self.d_model // 24) * 8
        return 4 * self.d_model

    def block_options(self):
        """What the blocks take by name."""
        return super().block_options() | {
            "n_kv_heads": self.n_kv_heads,
            "norm_kind": self.norm_kind,
        }


@helpful
@dataclass(frozen=True)
class TransformerConfig(Settings):
    """Settings of :class:`~minitransformer.models.Transformer`; by default the paper's base model.

    Parameters
    ----------
    vocab_size : int
    target_vocab_size : int, optional
        By default source and target share one vocabulary.
    max_len : int
        Most tokens of a source, and of a target.
    d_model, n_heads, d_ff, n_layers : int
    n_decoder_layers : int, optional
        By default n_layers.
    dropout : float
        Of the embeddings, the attention weights and all residual branches.
    norm : {"post", "pre"}
    norm_eps : float
    final_norm : bool, optional
        A norm behind the last block of both stacks; by default where the norm is "pre".
    activation : {"relu", "gelu", "gelu_tanh", "silu", "swiglu"}
    positions : {"sinusoidal", "sinusoidal_halves", "learned", "none"}
    tied : bool
        One table embeds source and target and scores the target's tokens (section 3.4). With two
        vocabularies, the target's table scores its tokens.
    head_bias : bool
    scale_embeddings : bool
        Multiply them by the root of d_model.
    bias : bool
        Of all linear maps in the blocks.
    attention : {"full", "tiled"}
    seed : int
    dtype : {"float16", "float32", "float64"}
    ops : {"fused", "plain"}

    Raises
    ------
    TypeError
        If a name is unknown; the message has the near ones. If dropout is no number.
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

    positions_allowed = TRANSFORMER_POSITIONS

    @property
    def depth(self):
        """Number of decoder blocks."""
        return self.n_layers if self.n_decoder_layers is None else self.n_decoder_layers
