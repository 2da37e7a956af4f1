"""LEVEL 2: layers. Parameters and calls into level 1; every call returns a cache with names."""

from minitransformer.layers.attention import (
    ATTENTIONS,
    AttentionCache,
    MultiHeadAttention,
    MultiHeadCrossAttention,
    TiledAttentionCache,
)
from minitransformer.layers.base import FlatParameters, Layer, Parameter
from minitransformer.layers.encoder import ACTIVATIONS, NORMS, EncoderBlock, FeedForward
from minitransformer.layers.simple import (
    POSITIONS,
    Dropout,
    Embedding,
    LayerNorm,
    Linear,
    PositionalEncoding,
)
