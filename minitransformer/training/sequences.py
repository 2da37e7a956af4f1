"""Training of models that write: next tokens of a text, and translations."""

import math

import numpy as np

from minitransformer.checks import check_count
from minitransformer.data.examples.next_tokens import NO_TARGET, pieces_of, read_rows, read_windows
from minitransformer.data.examples.pairs import read_pairs
from minitransformer.training.learner import MICRO_BATCH_TOKENS
from minitransformer.training.objective.losses import TokenCrossentropy
from minitransformer.training.trainable import Trainable

# A batch is shared among workers if each gets at least so many tokens.
MIN_TOKENS = 256
# Most logits in a micro-batch: 16 MB in float32, of which there are about four at a time.
MAX_LOGITS = 1 << 22


class TokenPrediction(Trainable):
    """What models that write share: a loss over tokens, a distribution for each.

    The loss is the mean over all target tokens of the batch, however it is cut.

    Attributes
    ----------
    target_share : float
        Logits, in rows, for each token of the data.
    padding : float
        Tokens that are computed for each token of the data, about: two workers get half of these
        each, and not a third micro-batch with what is left over.
    """

    target_share = 1.0
    padding = 1.0

    def compile(
        self,
        optimizer="adamw",
        loss="categorical_crossentropy",
        metrics=("accuracy", "perplexity"),
        *,
        micro_batch_tokens=None,
        **settings,
    ):
        """Fix how the model is trained; see :class:`~minitransformer.training.recipe.Recipe`.

        Parameters
        ----------
        optimizer : str or Optimizer
        loss : str or Loss
            A cross-entropy, such as ``CategoricalCrossentropy(label_smoothing=0.1)``.
        metrics : list of str or Metric
            Means over the target tokens.
        micro_batch_tokens : int, optional
            By default up to 1,024, fewer for a large vocabulary or a small batch.
        **settings
            As for any model; word dropout is not for this one.
        """
        if settings.get("word_dropout"):
            raise ValueError("word_dropout is not for models of sequences")
        super().compile(
            optimizer,
            TokenCrossentropy.like(loss),
            metrics,
            micro_batch_tokens=micro_batch_tokens,
            **settings,
        )

    def check_training(self, examples):
        """Any text can be learned."""

    def micro_batch(self, asked, tokens):
        if asked:
            return asked
        half = math.ceil(tokens * self.padding / 2)
        room = max(1, int(MAX_LOGITS / (self.n_classes * self.target_share)))
        return min(room, MICRO_BATCH_TOKENS, max(MIN_TOKENS, half))

    def scores(self, batch):
        """Logits (B, V) after the last token of each sequence."""
        logits, _ = self.run(batch, None)
        last = (batch.targets != NO_TARGET).sum(axis=1) - 1
        return logits[tuple(self.on_device(np.arange(len(last)), last))]


class LanguageModelling(TokenPrediction):
    """A model that gives the next token of a text: `forward(ids, *, mask, rng)`, logits (B, T, V).

    Wherever a method takes data it takes `x` alone: either one long id sequence, which is cut into
    windows of `max_len` tokens, or a list of id sequences, each of 2 to `max_len` + 1 ids. Targets
    are the ids that come next. ``fit(x, steps=2000)`` draws windows of a long sequence at random;
    epochs, and :meth:`evaluate`, go through windows that do not overlap.
    """

    @property
    def n_classes(self):
        """Size of the vocabulary."""
        return self.vocab_size

    def read_examples(self, x, y, mask, loss):
        if y is not None or mask is not None:
            raise ValueError("a language model takes ids alone: the next ids are the targets")
        if _is_flat(x):
            return read_windows(x, self.vocab_size, self.max_len)
        return pieces_of(*read_rows("x", x, self.vocab_size, self.max_len + 1))

    def read_validation(self, data, loss):
        return self.read_examples(data, None, None, loss)

    def read_inputs(self, x, mask):
        """Whole sequences, after each of which the next token is asked for."""
        if mask is not None:
            raise ValueError("a language model takes ids alone, without a mask")
        x = [x] if _is_flat(x) else x
        ids, lengths = read_rows("x", x, self.vocab_size, self.max_len, 1)
        pieces = pieces_of(ids, lengths)
        pieces.lengths = lengths
        return pieces


class Translating(TokenPrediction):
    """A model that turns a source into a target, token by token.

    A subclass provides `target_vocab_size` too, and the pass ``forward(source, target, *,
    source_mask, target_mask, rng)`` to logits (B, T, V). Data are two lists of id sequences,
    sources and targets: ``fit(sources, targets)`` or ``fit((sources, targets))``. Start and end
    are put around the targets here; sources are taken as they are.

    Attributes
    ----------
    start_id, end_id : int or None
        What :meth:`compile` was given; a file of the model keeps them.
    """

    kept = ("start_id", "end_id")
    compile_call = "model.compile(start_id=..., end_id=...) with ids of the target vocabulary"

    target_share = 0.5
    padding = 1.25
    start_id = None
    end_id = None

    def compile(self, *arguments, start_id=None, end_id=None, **settings):
        """As for any model that writes, with the ids that begin and end every target."""
        ids = {"start_id": start_id, "end_id": end_id}
        for name, value in ids.items():
            value = getattr(self, name) if value is None else value
            if value is None or check_count(name, value, 0) >= self.n_classes:
                raise ValueError(
                    f"{name} must be an id of the target vocabulary, 0..{self.n_classes - 1}, "
                    f"got {value}"
                )
            ids[name] = int(value)
        super().compile(*arguments, **settings)
        self.start_id, self.end_id = ids["start_id"], ids["end_id"]

    @property
    def n_classes(self):
        """Size of the target vocabulary."""
        return self.target_vocab_size

    def read_examples(self, x, y, mask, loss):
        return self._pairs(x, y, mask, self.end_id)

    def read_validation(self, data, loss):
        return self.read_examples(data, None, None, loss)

    def read_inputs(self, x, mask):
        """Sources, and beginnings of targets, after which the next token is asked for."""
        return self._pairs(x, None, mask, None)

    def _pairs(self, x, y, mask, end_id):
        if mask is not None:
            raise ValueError("a translation model takes ids alone, without a mask")
        if self.start_id is None:
            raise RuntimeError(f"no start token is known: call {self.compile_call} first")
        if y is None:
            if not isinstance(x, tuple | list) or len(x) != 2:
                raise TypeError("data must be sources and targets, two lists of id sequences")
            x, y = x
        sizes = self.vocab_size, self.n_classes
        return read_pairs(x, y, sizes, self.max_len, self.start_id, end_id)

    def run(self, batch, rng):
        source, mask, target = self.on_device(batch.ids, batch.mask, batch.inputs)
        return self.forward(source, target, source_mask=mask, rng=rng)

    def cost(self, n, source_length, target_length):
        """About how long a micro-batch of `n` pairs takes, in any unit."""
        return n * (source_length + 2 * target_length)  # cross-attention and the head besides


def _is_flat(x):
    """Whether `x` is one sequence of ids, and not several."""
    if hasattr(x, "ndim"):
        return x.ndim == 1 and x.dtype != object
    return isinstance(x, list | tuple) and len(x) > 0 and not hasattr(x[0], "__len__")
