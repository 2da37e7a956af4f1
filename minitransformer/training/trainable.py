"""The Keras-like interface of every model: compile, fit, evaluate, predict."""

import numpy as np

from minitransformer import functional
from minitransformer.training import passes, progress, step
from minitransformer.training.callbacks.calling import arrange
from minitransformer.training.compiled_training import CompiledTraining
from minitransformer.training.fitting import FitData, make_run
from minitransformer.training.keywords import (
    COMPILE_HINTS,
    COMPILE_NAMES,
    EVALUATE_HINTS,
    EVALUATE_NAMES,
    FIT_HINTS,
    FIT_NAMES,
    PREDICT_NAMES,
    refuse_unknown,
)
from minitransformer.training.parallel.workers import WorkerPool
from minitransformer.training.steps import READ_EVERY
from minitransformer.training.stored_model import StoredModel


class Trainable(StoredModel):
    """A model that can be trained.

    A subclass provides `config` (the arguments that it was made from), `flat` (FlatParameters),
    `vocab_size`, `max_len`, `n_classes`, `dtype`, `seed`, and the methods
    ``forward(ids, *, mask, rng)`` and ``backward(dlogits, cache)``.

    Attributes
    ----------
    ops : module
        The module whose functions the loss calls: `functional`, or one with faster versions.
    stop_training : bool
        Set it to True in a callback to end training after the current epoch.
    read_every : int
        Number of steps between two readings of the loss on a GPU.
    history : History or None
        The history of the last call of :meth:`fit`.
    start_id, end_id : int or None
        For a model that translates, the ids of the tokens that begin and end every target. They
        are set by :meth:`compile`, and saved with the model.
    """

    ops = functional
    stop_training = False
    read_every = READ_EVERY
    start_id = None
    end_id = None
    history = None

    def compile(
        self, optimizer=None, loss="categorical_crossentropy", metrics=None, *, schedule=None,
        clip=None, l1=0.0, l2=0.0, word_dropout=0.0, average=None, workers=None,
        micro_batch_tokens=None, precision="single", start_id=None, end_id=None,
        **others,
    ):  # fmt: skip
        """Fix how the model is trained.

        The arguments not listed here are described in
        :class:`~minitransformer.training.compiled_training.CompiledTraining`.

        Parameters
        ----------
        optimizer : str or Optimizer, optional
            By default "adam" for a classifier and "adamw" for a generative model.
        metrics : list of str or Metric, optional
            By default accuracy, and perplexity for a generative model.
        start_id, end_id : int, optional
            Ids of the target vocabulary that begin and end every target. A model that translates
            needs both; other models take neither.
        """
        refuse_unknown("compile", others, COMPILE_NAMES, COMPILE_HINTS)
        data = self.learns_from
        loss, ids = data.check_compile(self, loss, word_dropout, start_id, end_id)
        self.recipe = CompiledTraining(
            data.optimizer if optimizer is None else optimizer,
            loss,
            data.metrics if metrics is None else metrics,
            schedule=schedule, clip=clip, l1=l1, l2=l2, word_dropout=word_dropout, average=average,
            workers=workers, micro_batch_tokens=micro_batch_tokens, precision=precision,
        ).checked_for(self)  # fmt: skip
        for name, value in ids.items():
            setattr(self, name, value)

    def fit(
        self, x, y=None, batch_size=None, epochs=None, verbose="auto", callbacks=None,
        validation_split=0.0, validation_data=None, shuffle=True, class_weight=None,
        sample_weight=None, initial_epoch=0, steps_per_epoch=None, validation_steps=None,
        validation_freq=1, *, mask=None, resume=None, processes=None, steps=None, **others,
    ):  # fmt: skip
        """Train the model.

        Parameters
        ----------
        x : list of id sequences, (n, T) int array, or iterable of batches
            In a list, every id is a token. In an array, zeros around the tokens are padding. A
            generator or another iterable gives batches ``(x, y)`` or ``(x, y, sample_weight)``.
        y : (n,) int array, or (n, n_classes) one-hot rows
            The classes. Generative models take different data, which their docstrings describe.
        batch_size, epochs : int, optional
            Number of examples in each batch (32), and of passes over the examples (1).
        verbose : {"auto", 0, 1, 2}
            0 shows nothing, 1 and "auto" show progress, 2 prints one line per epoch.
        callbacks : list of Callback or function (epoch, logs), optional
            Objects or functions that are called during training.
        validation_split : float
            Fraction of the examples to validate on, taken from the end.
        validation_data : (x, y), (x, y, mask) or (x, y, sample_weight), optional
            Alternatively, the examples to validate on, or an iterable of batches.
        shuffle : bool
            True draws batches of examples of similar length in random order; False keeps the
            order of the examples.
        class_weight : "balanced", dict or list, optional
            Weight of each class in the training loss; 1 for a class that is not in the dict.
            "balanced" gives all classes the same total weight.
        sample_weight : (n,) sequence of float, optional
            Weight of each example in the loss, for classifiers. The loss of a batch is the sum of
            weight times loss, divided by the sum of the weights. Metrics are not weighted.
        initial_epoch : int
            Number of the first epoch, from 0.
        steps_per_epoch : int, optional
            Number of steps of an epoch; see `training/plans.py`.
        validation_steps : int, optional
            How many batches to take if `validation_data` gives batches; by default its length.
        validation_freq : int or list of int
            Validate after every so many epochs, or after these epochs, counted from 1.
        mask : like `x`, of bool, optional
            True at each token, False at padding.
        resume : path-like, optional
            Checkpoint to resume from. With the same arguments, the trained model is bit-identical
            to that of an uninterrupted run.
        processes : Processes, optional
            MPI processes that train together; see
            :func:`~minitransformer.training.parallel.mpi.join`.
        steps : int, optional
            Number of steps of the run, in place of `epochs`.

        Returns
        -------
        History

        Raises
        ------
        TypeError, ValueError
            If an argument is wrong. In that case, the model has not changed.
        TrainingDiverged
            If the loss or a gradient is NaN or infinite.
        """
        refuse_unknown("fit", others, FIT_NAMES, FIT_HINTS)
        self._compiled("fit")
        data = FitData(
            x, y, mask, sample_weight, validation_data, validation_split, validation_steps,
            class_weight,
        )  # fmt: skip
        numbers = (
            epochs, steps, steps_per_epoch, batch_size, shuffle, initial_epoch, validation_freq,
        )  # fmt: skip
        shown, called = progress.choose(verbose), arrange(callbacks)
        run = make_run(self, data, numbers, called, shown, resume, processes)
        self.history = run.history
        return run.go()

    def train_on_batch(self, x, y=None, sample_weight=None, *, mask=None, return_dict=False):
        """Take one step on these examples; return what :meth:`evaluate` returns.

        Loss and metrics are those before the step. No schedule multiplies the learning rate.
        """
        recipe = self._compiled("train_on_batch")
        examples = self.read_examples(x, y, mask, recipe.loss, sample_weight)
        running = passes.RunningMeans(recipe.metrics)
        with WorkerPool(self, recipe.workers, keep_memory=True) as pool:
            running.add(*step.train_step(self, recipe, pool, examples, np.arange(len(examples))))
        means = running.means(penalty=bool(recipe.l1 or recipe.l2))
        return passes.as_result(means, return_dict)

    def evaluate(
        self, x, y=None, batch_size=None, verbose=0, sample_weight=None, *, mask=None,
        return_dict=False, **others,
    ):  # fmt: skip
        """Loss and metrics over all examples.

        Parameters
        ----------
        x, y, mask, sample_weight
            As for :meth:`fit`. The metrics are not weighted.
        batch_size : int, optional
            Changes nothing: a batch is cut into micro-batches, whose size `compile` fixed.
        verbose : {"auto", 0, 1, 2}
            Whether to print the result; "auto" does not.
        return_dict : bool
            Whether to return a dict, such as ``{"loss": ..., "accuracy": ...}``.

        Returns
        -------
        list of float, float, or dict of str to float
            The loss and the metrics, in the order of `metrics_names`; the loss alone if there are
            no metrics; or all of them by name.
        """
        refuse_unknown("evaluate", others, EVALUATE_NAMES, EVALUATE_HINTS)
        recipe, show = self._compiled("evaluate"), passes.check_showing(batch_size, verbose)
        examples = self.read_examples(x, y, mask, recipe.loss, sample_weight)
        with WorkerPool(self, recipe.workers) as pool:
            means = passes.evaluate(self, recipe, pool, examples)
        if show:
            print(progress.numbers(means))
        return passes.as_result(means, return_dict)

    @property
    def optimizer(self):
        """The optimiser in use; ``model.optimizer.learning_rate`` can be read and set."""
        return self._compiled("optimizer").optimizer

    @property
    def metrics_names(self):
        """Names of the numbers that :meth:`evaluate` returns, in its order."""
        return ["loss", *(metric.name for metric in self._compiled("metrics_names").metrics)]

    def predict(self, x, batch_size=None, verbose=0, *, mask=None, **others):
        """Probabilities, (n, n_classes), in the order of `x`; needs no :meth:`compile`.

        `batch_size` and `verbose` change nothing; they are accepted because Keras has them.

        The exception is a :class:`~minitransformer.models.Transformer`. It needs the start token,
        so it must have been compiled, or loaded from the file of a compiled model.
        """
        refuse_unknown("predict", others, PREDICT_NAMES, EVALUATE_HINTS)
        passes.check_showing(batch_size, verbose)
        return passes.predict(self, x, mask)

    def read_examples(self, x, y, mask, loss, sample_weight=None):
        """Check inputs, targets and weights, as given to :meth:`fit`; return the examples."""
        given = () if sample_weight is None else (sample_weight,)
        return self.learns_from.read_examples(self, x, y, mask, loss, *given)

    def run(self, batch, rng):
        """Logits and cache of a batch of examples; dropout is on if `rng` is given."""
        return self.learns_from.run(self, batch, rng)

    def _compiled(self, method):
        if self.recipe is None:
            call = self.learns_from.compile_call
            raise RuntimeError(f"call compile before {method}, for instance {call}")
        if method in ("fit", "train_on_batch") and self.dtype == np.float16:
            raise ValueError("dtype: float16 models cannot be trained yet: train in float32")
        return self.recipe
