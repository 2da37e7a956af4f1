"""The kinds of examples that a model can learn from.

A kind defines how examples are read, run through the model, scored, and cut into micro-batches. A
model's class attribute `learns_from` is an object of one of these classes, and training calls its
methods. For a new kind of inputs or targets, subclass one of the classes.
"""

import math

import numpy as np

from minitransformer.backend import array_module, to_device
from minitransformer.checks import check_count
from minitransformer.data.examples.foreign_arrays import host_array
from minitransformer.data.examples.labels import read_labels
from minitransformer.data.examples.next_tokens import NO_TARGET, pieces_of, read_rows, read_windows
from minitransformer.data.examples.pairs import read_pairs
from minitransformer.data.examples.reading import read_sequences
from minitransformer.data.examples.sample_weights import read_sample_weight
from minitransformer.training.arguments import check_not_one_class, validation_parts
from minitransformer.training.objective import losses
from minitransformer.training.objective.losses import TokenCrossentropy

# Measured: activations of about 1,000 tokens fit into the caches, and every worker gets some work.
MICRO_BATCH_TOKENS = 1024
# A batch is divided among workers if each gets at least this many tokens.
MIN_TOKENS = 256
# Maximum number of logits in a micro-batch: 16 MB in float32. About four such arrays exist at once.
MAX_LOGITS = 1 << 22
UNPADDED = ": give a list of id sequences that are not padded"


class ExampleKind:
    """Base class: what training needs to know about the examples of a model.

    A subclass must also provide ``read_inputs``, ``read_examples`` and ``read_validation``, with
    the same arguments as in :class:`LabelledSequences`.

    Attributes
    ----------
    optimizer, metrics : str and tuple of str
        Default arguments of `compile`.
    stored_ids : tuple of str
        Attributes of the model that are token ids; they are saved along with its configuration.
    compile_call : str
        The shortest call of `compile`, shown in error messages.
    """

    optimizer, metrics = "adam", ("accuracy",)
    stored_ids = ()
    compile_call = "model.compile()"

    def check_compile(self, model, loss, word_dropout, start_id, end_id):
        """Check the arguments of `compile` that depend on the kind of examples.

        Returns
        -------
        loss : str or Loss
        ids : dict of str to int
            The value of each of `stored_ids`.
        """
        if start_id is not None or end_id is not None:
            raise TypeError("start_id and end_id are only for models that translate")
        return loss, {}

    def check_training(self, model, examples):
        """Refuse examples from which nothing can be learned."""

    def run(self, model, batch, rng):
        """Logits and cache of a batch; dropout is on if `rng` is given."""
        ids, mask = on_device_of(model, batch.ids, batch.mask)
        return model.forward(ids, mask=mask, rng=rng)

    def scores(self, model, batch):
        """The logits whose softmax `predict` returns, (B, C)."""
        return self.run(model, batch, None)[0]

    def cost(self, n, length):
        """Rough time for a micro-batch of `n` sequences padded to `length`, in arbitrary units."""
        return n * length * (1.0 + length / 512)  # attention grows with the square of the length

    def micro_batch_tokens(self, model, tokens):
        """Default maximum number of tokens in a micro-batch, for a batch of `tokens` tokens."""
        return MICRO_BATCH_TOKENS


class LabelledSequences(ExampleKind):
    """Sequences of token ids, each with a class."""

    def read_inputs(self, model, x, mask):
        """Check the inputs; return examples without targets, for `predict`."""
        return read_sequences(x, mask, model.vocab_size, model.max_len)

    def read_examples(self, model, x, y, mask, loss, sample_weight=None):
        """Check inputs, targets and weights; return examples with all of them."""
        inputs = self.read_inputs(model, x, mask)
        targets = read_labels(y, len(inputs), model.n_classes, loss.one_hot)
        if sample_weight is None:
            return inputs.with_targets(targets)
        loss.check_sample_weight()
        return inputs.with_targets(targets, read_sample_weight(sample_weight, len(inputs)))

    def read_validation(self, model, data, loss):
        """The examples in the `validation_data` of `fit`."""
        x, y, mask, sample_weight = validation_parts(data)
        return self.read_examples(model, x, y, mask, loss, sample_weight)

    def check_training(self, model, examples):
        check_not_one_class(examples.targets, model.n_classes)


class TokenSequences(ExampleKind):
    """Sequences of token ids in which the target of each token is the next token.

    The model's methods take `x` without `y`: either one long id sequence, which is cut into windows
    of `max_len` tokens, or a list of id sequences, each of 2 to `max_len` + 1 ids. There is no
    padding: every id is a token, and an array whose rows look padded with zeros is refused.
    ``fit(x, steps=2000)`` draws windows of a long sequence at random. Training in epochs and
    `evaluate` use windows that do not overlap.

    The loss is the mean over all target tokens of the batch, regardless of how the batch is cut.

    Attributes
    ----------
    logit_rows : float
        Number of rows of logits for each token of the data.
    padding : float
        Rough ratio of the number of tokens that are computed, padding included, to the number of
        tokens in the data. Each of two workers gets half of the computed tokens, so that no third
        micro-batch is left over.
    """

    optimizer, metrics = "adamw", ("accuracy", "perplexity")
    logit_rows = 1.0
    padding = 1.0

    def check_compile(self, model, loss, word_dropout, start_id, end_id):
        _, ids = super().check_compile(model, loss, word_dropout, start_id, end_id)
        if word_dropout:
            raise ValueError("word_dropout is only for classifiers")
        return TokenCrossentropy.like(losses.get(loss)), ids

    def read_inputs(self, model, x, mask):
        """Check the sequences, which stay whole; `predict` scores the token after each of them."""
        if mask is not None:
            raise ValueError(f"a language model takes ids alone, without a mask{UNPADDED}")
        x = [x] if _is_flat(x) else x
        ids, lengths = read_rows("x", x, model.vocab_size, model.max_len, 1)
        pieces = pieces_of(ids, lengths)
        pieces.lengths = lengths
        return pieces

    def read_examples(self, model, x, y, mask, loss, sample_weight=None):
        _refuse_weights(sample_weight)
        if y is not None or mask is not None:
            raise ValueError("a language model takes ids alone: the next ids are the targets")
        if _is_flat(x):
            return read_windows(x, model.vocab_size, model.max_len)
        return pieces_of(*read_rows("x", x, model.vocab_size, model.max_len + 1))

    def read_validation(self, model, data, loss):
        return self.read_examples(model, data, None, None, loss)

    def scores(self, model, batch):
        """Logits (B, V) after the last token of each sequence."""
        logits, _ = self.run(model, batch, None)
        last = (batch.targets != NO_TARGET).sum(axis=1) - 1
        return logits[tuple(on_device_of(model, np.arange(len(last)), last))]

    def micro_batch_tokens(self, model, tokens):
        half = math.ceil(tokens * self.padding / 2)
        limit = max(1, int(MAX_LOGITS / (model.n_classes * self.logit_rows)))
        return min(limit, MICRO_BATCH_TOKENS, max(MIN_TOKENS, half))


class SequencePairs(TokenSequences):
    """Sources and targets: the model predicts the target token by token, given the source.

    The model must also provide `target_vocab_size` and a method ``forward(source, target, *,
    source_mask, target_mask, rng)`` that returns logits (B, T, V). The data are two lists of id
    sequences, sources and targets: ``fit(sources, targets)`` or ``fit((sources, targets))``. The
    start and end tokens are added to the targets here; the sources are not changed.
    """

    stored_ids = ("start_id", "end_id")
    compile_call = "model.compile(start_id=..., end_id=...) with ids of the target vocabulary"
    logit_rows = 0.5
    padding = 1.25

    def check_compile(self, model, loss, word_dropout, start_id, end_id):
        ids = {"start_id": start_id, "end_id": end_id}
        for name, value in ids.items():
            value = getattr(model, name) if value is None else value
            if value is None or check_count(name, value, 0) >= model.n_classes:
                raise ValueError(
                    f"{name} must be an id of the target vocabulary, 0..{model.n_classes - 1}, "
                    f"got {value}" + (f": call {self.compile_call}" if value is None else "")
                )
            ids[name] = int(value)
        loss, _ = super().check_compile(model, loss, word_dropout, None, None)
        return loss, ids

    def read_inputs(self, model, x, mask):
        """Check sources and beginnings of targets; `predict` scores the token that comes next."""
        return self._pairs(model, x, None, mask, None)

    def read_examples(self, model, x, y, mask, loss, sample_weight=None):
        _refuse_weights(sample_weight)
        return self._pairs(model, x, y, mask, model.end_id)

    def _pairs(self, model, x, y, mask, end_id):
        if mask is not None:
            raise ValueError(f"a translation model takes ids alone, without a mask{UNPADDED}")
        if model.start_id is None:
            raise RuntimeError(f"no start token is known: call {self.compile_call} first")
        if y is None:
            if not isinstance(x, tuple | list) or len(x) != 2:
                raise TypeError("data must be sources and targets, two lists of id sequences")
            x, y = x
        sizes = model.vocab_size, model.n_classes
        return read_pairs(x, y, sizes, model.max_len, model.start_id, end_id)

    def run(self, model, batch, rng):
        source, mask, target = on_device_of(model, batch.ids, batch.mask, batch.inputs)
        return model.forward(source, target, source_mask=mask, rng=rng)

    def cost(self, n, source_length, target_length):
        """Rough time for a micro-batch of `n` pairs, in arbitrary units."""
        # Targets count twice, because they also need cross-attention and the head.
        return n * (source_length + 2 * target_length)


def on_device_of(model, *arrays):
    """Copy arrays from the host to the model's device; None stays None."""
    device = array_module(model.flat.values).__name__
    return [None if array is None else to_device(array, device) for array in arrays]


def _refuse_weights(sample_weight):
    if sample_weight is not None:
        raise ValueError("sample_weight must be None for models of sequences: tokens count alike")


def _is_flat(x):
    """Whether `x` is a single sequence of ids rather than several."""
    x = host_array(x)
    if hasattr(x, "ndim"):
        return x.ndim == 1 and x.dtype != object
    return isinstance(x, list | tuple) and len(x) > 0 and not hasattr(x[0], "__len__")
