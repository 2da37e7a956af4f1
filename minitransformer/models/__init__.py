"""LEVEL 4: whole networks."""

from minitransformer.models.baselines.bag_of_words import BagOfWords
from minitransformer.models.classifier import ClassifierCache, TransformerClassifier
from minitransformer.models.config import ClassifierConfig, GPTConfig, TransformerConfig
from minitransformer.models.decoding_state import DecodingState
from minitransformer.models.gpt import GPT, GPTCache
from minitransformer.models.loading import load_model
from minitransformer.models.texts.bag import BagCache, BagOfEmbeddings
from minitransformer.models.texts.cnn import TextCNN, TextCNNCache
from minitransformer.models.texts.config import BagConfig, RecurrentConfig, TextCNNConfig
from minitransformer.models.texts.recurrent import RecurrentClassifier, RecurrentClassifierCache
from minitransformer.models.transformer import Transformer, TransformerCache
