"""What the configs of all transformers have in common: the settings of their blocks."""

from minitransformer.models.config_base import ModelConfig


class TransformerSettings(ModelConfig):
    """Base class of the configs of transformers: derives the values that their blocks need.

    They share these parameters:

    Parameters
    ----------
    vocab_size : int
        V: token ids are 0 to V - 1.
    max_len : int
        Maximum number of tokens in a sequence.
    d_model, n_heads, d_ff, n_layers : int
        D, H, F and N: the width of a token's vector, the heads of attention (n_heads must divide
        d_model), the width inside the feed-forward network, and the number of blocks.
    dropout : float
        Probability of dropping an entry of the embeddings, of the attention weights and of the
        output of each sublayer.
    norm : {"pre", "post"}
        "pre" puts a norm before each sublayer; "post", after each residual addition.
    norm_kind : {"layer", "rms"}
        Layer norm or RMS norm.
    norm_eps : float
        Added to the variance in every norm.
    final_norm : bool, optional
        Whether a norm follows the last block. By default, one does if `norm` is "pre".
    activation : str
        The activation of the feed-forward network.
    bias : bool
        Whether the linear maps in the blocks have biases.
    tied : bool
        Whether the head uses the embedding's table.
    head_bias : bool
        Whether the head has a bias.
    scale_embeddings : bool
        Whether embeddings are multiplied by the square root of d_model.
    attention : {"full", "tiled"}
        "tiled" needs memory in proportion to T, not to its square, in training too. Its results
        differ from those of "full" only in rounding and in which weights dropout drops.
    seed : int
        Seed of the initial weights and of everything random in training.
    dtype : {"float16", "float32", "float64"}
        The dtype of the parameters and of everything computed from them.
    ops : {"fused", "plain"}
        Whether the layers call the faster functions of `fused`, or those of `functional`
        throughout. The results agree to rounding.
    """

    sizes = "vocab_size, max_len, d_model, d_ff and n_layers"

    norm_kind = "layer"
    norm_eps = 1e-5
    bias = True
    final_norm = None
    scale_embeddings = True

    def _check_together(self):
        if self.d_model % self.n_heads:
            raise ValueError(f"n_heads must divide d_model = {self.d_model}, got {self.n_heads}")

    @property
    def n_blocks(self):
        """Number of blocks in all stacks together."""
        return self.n_layers

    @property
    def hidden(self):
        """F, the width inside the feed-forward network."""
        return self.d_ff

    def fewest_parameters(self):
        """A number of parameters that a model of these sizes exceeds, but not by much.

        It counts the embedding V D, and in each block 2 D^2 for attention and 2 D F for the
        feed-forward network.
        """
        D, F, V = self.d_model, self.hidden, self.vocab_size
        return V * D + self.n_blocks * (2 * D * D + 2 * D * F)

    def largest_table(self):
        """Count of the numbers in the table of positions."""
        return self.max_len * self.d_model

    @property
    def has_final_norm(self):
        """Whether a norm follows the last block. By default, one does if `norm` is "pre"."""
        return self.norm == "pre" if self.final_norm is None else self.final_norm

    @property
    def scale(self):
        """The factor that embeddings are multiplied by: the square root of d_model, or 1."""
        return self.d_model**0.5 if self.scale_embeddings else 1.0

    def block_options(self):
        """The keyword arguments that encoder and decoder blocks have in common."""
        names = ("dropout", "norm", "activation", "attention", "norm_eps", "bias")
        return {name: getattr(self, name) for name in names}
