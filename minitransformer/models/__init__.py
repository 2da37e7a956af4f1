"""LEVEL 4: whole networks."""

from minitransformer.models.baselines.bag_of_words import BagOfWords
from minitransformer.models.classifier import ClassifierCache, TransformerClassifier
from minitransformer.models.config import ClassifierConfig, GPTConfig, TransformerConfig
from minitransformer.models.decoding_state import DecodingState
from minitransformer.models.gpt import GPT, GPTCache
from minitransformer.models.loading import load_model
from minitransformer.models.transformer import Transformer, TransformerCache
