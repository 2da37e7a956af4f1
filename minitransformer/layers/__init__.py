"""LEVEL 2: layers. A layer owns parameters and calls level 1. A call returns a named cache.

A backward pass raises ValueError if the upstream gradient does not have the shape of the layer's
output. The error message comes from the equation whose check fails.
"""

from minitransformer.layers.attention import ATTENTIONS, MultiHeadAttention
from minitransformer.layers.attention_caches import AttentionCache, TiledAttentionCache
from minitransformer.layers.base import Layer
from minitransformer.layers.convolution import Conv1D, Conv2D, ConvolutionCache
from minitransformer.layers.cross_attention import MultiHeadCrossAttention
from minitransformer.layers.decoder import DecoderBlock
from minitransformer.layers.dropout import Dropout
from minitransformer.layers.embedding import Embedding, draw_normal
from minitransformer.layers.encoder import EncoderBlock
from minitransformer.layers.feed_forward import ACTIVATIONS, FeedForward, SwiGLU
from minitransformer.layers.flat import FlatParameters
from minitransformer.layers.grouped import GroupedQueryAttention
from minitransformer.layers.kv_cache import KeyValues, KVCache
from minitransformer.layers.linear import Linear
from minitransformer.layers.norms import NORM_KINDS, LayerNorm, RMSNorm, make_norm
from minitransformer.layers.parameters import Parameter
from minitransformer.layers.positions import POSITIONS, PositionalEncoding, rows_at
from minitransformer.layers.recurrent import CELLS, Bidirectional, Recurrent, RecurrentCache
from minitransformer.layers.residual import NORMS
from minitransformer.layers.tied_head import TiedHead
