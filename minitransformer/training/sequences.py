"""Base classes for generative models of your own: a language model, and a translation model."""

from minitransformer.training.example_kinds import SequencePairs, TokenSequences
from minitransformer.training.trainable import Trainable


class LanguageModelling(Trainable):
    """A model that predicts the next token of a text; see :class:`TokenSequences` for its data.

    A subclass provides ``forward(ids, *, mask, rng)``, which returns logits (B, T, V).
    """

    learns_from = TokenSequences()

    @property
    def n_classes(self):
        """Size of the vocabulary."""
        return self.vocab_size


class Translating(Trainable):
    """A model that predicts a target, given a source; see :class:`SequencePairs` for its data.

    A subclass provides `target_vocab_size` and ``forward(source, target, *, source_mask,
    target_mask, rng)``, which returns logits (B, T, V).
    """

    learns_from = SequencePairs()

    @property
    def n_classes(self):
        """Size of the target vocabulary."""
        return self.target_vocab_size
