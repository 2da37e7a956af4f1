"""Labelled texts for models whose time grows in proportion to the number of tokens."""

from minitransformer.training.example_kinds import MIN_TOKENS, LabelledSequences

MAX_TOKENS = 1 << 15
"""Maximum number of tokens in a micro-batch of a recurrent model, padding included."""


class PlainTexts(LabelledSequences):
    """Labelled sequences for a model without attention: the time is proportional to the tokens."""

    def cost(self, n, length):
        return n * length


class RecurrentTexts(PlainTexts):
    """Labelled sequences for a recurrent model, whose steps pay off only for many texts at once.

    So a batch is cut into no more micro-batches than it has to be: two, so that two workers share
    it.
    """

    def micro_batch_tokens(self, model, tokens):
        return min(MAX_TOKENS, max(MIN_TOKENS, -(-tokens // 2)))
