"""LEVEL 3: whole networks."""

from minitransformer.models.classifier import ClassifierCache, TransformerClassifier
