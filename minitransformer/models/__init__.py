"""LEVEL 4: whole networks."""

from minitransformer.models.classifier import ClassifierCache, TransformerClassifier
