"""What training asks of a model, and what a model of another kind answers differently."""

from minitransformer import functional
from minitransformer.backend import array_module, to_device
from minitransformer.data.examples.reading import read_labels, read_sequences
from minitransformer.layers import Layer
from minitransformer.training.arguments import check_not_one_class, validation_parts

# Measured: about 1,000 tokens keep the activations in the caches and give every worker a share.
MICRO_BATCH_TOKENS = 1024


class Learner(Layer):
    """The side of a model that training looks at; this one gives a class to an id sequence.

    A subclass provides `config` (the arguments it was made from), `flat` (FlatParameters),
    `vocab_size`, `max_len`, `n_classes`, `dtype`, `seed`, and the passes
    ``forward(ids, *, mask, rng)`` and ``backward(dlogits, cache)``. A model with other inputs or
    targets overrides methods of this class.

    Attributes
    ----------
    ops : module
        Of the functions that the loss takes: `functional`, or the same functions faster.
    """

    ops = functional

    def read_inputs(self, x, mask):
        """Check the inputs; returns examples without targets, for `predict`."""
        return read_sequences(x, mask, self.vocab_size, self.max_len)

    def read_examples(self, x, y, mask, loss):
        """Check inputs and targets; returns examples with both."""
        inputs = self.read_inputs(x, mask)
        return inputs.with_targets(read_labels(y, len(inputs), self.n_classes, loss.one_hot))

    def read_validation(self, data, loss):
        """Examples of the `validation_data` of `fit`."""
        return self.read_examples(*validation_parts(data), loss)

    def check_training(self, examples):
        """Refuse examples from which nothing can be learned."""
        check_not_one_class(examples.targets, self.n_classes)

    def on_device(self, *arrays):
        """Arrays of the host on the model's device; None stays None."""
        device = array_module(self.flat.values).__name__
        return [None if array is None else to_device(array, device) for array in arrays]

    def run(self, batch, rng):
        """Logits and cache of a batch; dropout is on when `rng` is given."""
        ids, mask = self.on_device(batch.ids, batch.mask)
        return self.forward(ids, mask=mask, rng=rng)

    def scores(self, batch):
        """Logits (B, C) of which `predict` takes the softmax."""
        return self.run(batch, None)[0]

    def cost(self, n, length):
        """About how long a micro-batch of `n` sequences padded to `length` takes, in any unit."""
        return n * length * (1.0 + length / 512)  # attention grows with the square

    def micro_batch(self, asked, tokens):
        """Most tokens in a micro-batch, of a batch of `tokens`.

        Parameters
        ----------
        asked : int or None
            What `compile` was given.
        tokens : int
        """
        return asked or MICRO_BATCH_TOKENS

    def decay_mask(self):
        """Where weight decay and penalties act, (n,) bool: matrices, not biases and gains."""
        if getattr(self, "_decay_mask", None) is None:
            xp, flat = array_module(self.flat.values), self.flat
            self._decay_mask = xp.zeros(flat.values.shape, bool)
            for name, parameter in self.parameters().items():
                self._decay_mask[flat.slices[name]] = len(parameter.shape) > 1
        return self._decay_mask
