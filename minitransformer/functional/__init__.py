"""LEVEL 1: the equations. Pure pairs ``f`` / ``f_backward``: arrays in, arrays out, no state."""

from minitransformer.backend import check_ids
from minitransformer.functional.activations import gelu, gelu_backward, relu, relu_backward
from minitransformer.functional.alibi import alibi_bias, alibi_slopes
from minitransformer.functional.attention import attention, attention_backward
from minitransformer.functional.dropout import (
    check_probability,
    dropout,
    dropout_backward,
    dropout_mask,
)
from minitransformer.functional.embedding import (
    embedding,
    embedding_backward,
    embedding_row_gradients,
)
from minitransformer.functional.erf import erf
from minitransformer.functional.gated import silu, silu_backward, swiglu, swiglu_backward
from minitransformer.functional.heads import (
    merge_heads,
    merge_heads_backward,
    split_heads,
    split_heads_backward,
)
from minitransformer.functional.linear import (
    linear,
    linear_backward,
    qkv_projection,
    qkv_projection_backward,
)
from minitransformer.functional.loss import (
    CrossEntropySaved,
    cross_entropy,
    cross_entropy_backward,
    mean_squared_error,
    mean_squared_error_backward,
)
from minitransformer.functional.masks import (
    causal_mask,
    combine_masks,
    padding_mask,
    position_mask,
    sliding_window_mask,
)
from minitransformer.functional.norm import (
    layer_norm,
    layer_norm_backward,
    rms_norm,
    rms_norm_backward,
)
from minitransformer.functional.pair import Pair
from minitransformer.functional.pairs import PAIRS
from minitransformer.functional.pooling import (
    first_pool,
    first_pool_backward,
    max_pool,
    max_pool_backward,
    mean_pool,
    mean_pool_backward,
)
from minitransformer.functional.positions import scalar_positions, sinusoidal_positions
from minitransformer.functional.recurrence.gru import gru, gru_backward
from minitransformer.functional.recurrence.lstm import lstm, lstm_backward
from minitransformer.functional.recurrence.rnn import rnn, rnn_backward
from minitransformer.functional.rotary import rotary, rotary_backward, rotary_tables
from minitransformer.functional.softmax import (
    log_softmax,
    log_softmax_backward,
    softmax,
    softmax_backward,
)
from minitransformer.functional.tiled import tiled_attention, tiled_attention_backward
from minitransformer.functional.windowed.convolution import (
    conv1d,
    conv1d_backward,
    conv2d,
    conv2d_backward,
)
from minitransformer.functional.windowed.patches import patchify, patchify_backward
from minitransformer.functional.windowed.pooling import (
    avg_pool2d,
    avg_pool2d_backward,
    max_pool1d,
    max_pool1d_backward,
    max_pool2d,
    max_pool2d_backward,
)

__all__ = [
    "PAIRS",
    "CrossEntropySaved",
    "Pair",
    "alibi_bias",
    "alibi_slopes",
    "attention",
    "attention_backward",
    "avg_pool2d",
    "avg_pool2d_backward",
    "causal_mask",
    "combine_masks",
    "conv1d",
    "conv1d_backward",
    "conv2d",
    "conv2d_backward",
    "cross_entropy",
    "cross_entropy_backward",
    "dropout",
    "dropout_backward",
    "dropout_mask",
    "embedding",
    "embedding_backward",
    "embedding_row_gradients",
    "erf",
    "first_pool",
    "first_pool_backward",
    "gelu",
    "gelu_backward",
    "gru",
    "gru_backward",
    "layer_norm",
    "layer_norm_backward",
    "linear",
    "linear_backward",
    "log_softmax",
    "log_softmax_backward",
    "lstm",
    "lstm_backward",
    "max_pool",
    "max_pool1d",
    "max_pool1d_backward",
    "max_pool2d",
    "max_pool2d_backward",
    "max_pool_backward",
    "mean_pool",
    "mean_pool_backward",
    "mean_squared_error",
    "mean_squared_error_backward",
    "merge_heads",
    "merge_heads_backward",
    "padding_mask",
    "patchify",
    "patchify_backward",
    "position_mask",
    "qkv_projection",
    "qkv_projection_backward",
    "relu",
    "relu_backward",
    "rms_norm",
    "rms_norm_backward",
    "rnn",
    "rnn_backward",
    "rotary",
    "rotary_backward",
    "rotary_tables",
    "scalar_positions",
    "silu",
    "silu_backward",
    "sinusoidal_positions",
    "sliding_window_mask",
    "softmax",
    "softmax_backward",
    "split_heads",
    "split_heads_backward",
    "swiglu",
    "swiglu_backward",
    "tiled_attention",
    "tiled_attention_backward",
]
