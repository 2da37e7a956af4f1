"""LEVEL 4: whole networks."""

from minitransformer.models.classifier import ClassifierCache, TransformerClassifier
from minitransformer.models.config import GPTConfig, TransformerConfig
from minitransformer.models.decoding_state import DecodingState
from minitransformer.models.gpt import GPT, GPTCache
from minitransformer.models.transformer import Transformer, TransformerCache
