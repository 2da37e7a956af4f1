"""The Keras-like interface of every model: compile, fit, evaluate, predict."""

import numpy as np

from minitransformer import functional
from minitransformer.training import passes, progress, step
from minitransformer.training.arguments import read_fit_arguments, split_off
from minitransformer.training.callbacks.calling import arrange
from minitransformer.training.compiled_training import CompiledTraining
from minitransformer.training.loop import Run
from minitransformer.training.parallel.workers import WorkerPool, default_workers
from minitransformer.training.restoring import restore
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
    start_id, end_id : int or None
        For a model that translates, the ids of the tokens that begin and end every target. They
        are set by :meth:`compile`, and saved with the model.
    """

    ops = functional
    stop_training = False
    read_every = READ_EVERY
    start_id = None
    end_id = None

    def compile(
        self, optimizer=None, loss="categorical_crossentropy", metrics=None, *, schedule=None,
        clip=None, l1=0.0, l2=0.0, word_dropout=0.0, average=None, workers=None,
        micro_batch_tokens=None, precision="single", start_id=None, end_id=None,
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
        self,
        x,
        y=None,
        *,
        epochs=None,
        batch_size=32,
        validation_data=None,
        validation_split=0.0,
        callbacks=None,
        verbose=1,
        shuffle=True,
        class_weight=None,
        mask=None,
        initial_epoch=0,
        resume=None,
        processes=None,
        steps=None,
        steps_per_epoch=None,
    ):
        """Train the model.

        Parameters
        ----------
        x : list of id sequences, or (n, T) int array
            In a list, every id is a token. In an array, trailing zeros are padding.
        y : (n,) int array, or (n, n_classes) one-hot rows
            The classes. Generative models take different data, which their docstrings describe.
        epochs, batch_size : int
            Number of passes over the examples (one by default), and of examples in each batch.
        validation_data : (x, y) or (x, y, mask), optional
            Examples that are evaluated after each epoch.
        validation_split : float
            Alternatively, the fraction of the examples to validate on, taken from the end.
        callbacks : list of Callback or function (epoch, logs)
            Objects or functions that are called during training.
        verbose : {0, 1, 2}
            0 shows nothing, 1 shows progress, 2 prints one line per epoch.
        shuffle : bool
            True draws batches of examples of similar length in random order; False keeps the
            order of the examples.
        class_weight : dict or list, optional
            Weight of each class in the training loss; 1 for a class that is not in the dict.
        mask : like `x`, of bool, optional
            True at each token, False at padding.
        initial_epoch : int
            Number of the first epoch, from 0.
        resume : path-like, optional
            Checkpoint to resume from. With the same arguments, the trained model is bit-identical
            to that of an uninterrupted run.
        processes : Processes, optional
            MPI processes that train together; see
            :func:`~minitransformer.training.parallel.mpi.join`.
        steps : int, optional
            Number of steps of the run, in place of `epochs`; see `training/plans.py`.
        steps_per_epoch : int, optional
            Number of steps between two rows of the history, if `steps` is given.

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
        recipe = self._compiled("fit")
        arguments = read_fit_arguments(
            epochs, steps, steps_per_epoch, batch_size, shuffle, initial_epoch, class_weight,
            self.n_classes,
        )  # fmt: skip
        train, validation = self.read_examples(x, y, mask, recipe.loss), None
        if validation_data is not None:
            validation = self.learns_from.read_validation(self, validation_data, recipe.loss)
        elif validation_split:
            train, validation = split_off(train, validation_split)
        self.learns_from.check_training(self, train)
        if arguments.steps is not None and arguments.shuffle:
            train = train.to_draw_from()
        shown, called = progress.choose(verbose), arrange(callbacks)
        run = Run(self, recipe, train, validation, arguments, called, shown, processes)
        if resume is not None:
            restore(resume, run)
        return run.go()

    def train_on_batch(self, x, y=None, *, mask=None, return_dict=False):
        """Take one step on these examples; return what :meth:`evaluate` returns.

        Loss and metrics are those before the step. No schedule multiplies the learning rate.
        """
        recipe = self._compiled("train_on_batch")
        examples = self.read_examples(x, y, mask, recipe.loss)
        running = passes.RunningMeans(recipe.metrics)
        with WorkerPool(self, recipe.workers, keep_memory=True) as pool:
            running.add(*step.train_step(self, recipe, pool, examples, np.arange(len(examples))))
        means = running.means(penalty=bool(recipe.l1 or recipe.l2))
        return passes.as_result(means, return_dict)

    def evaluate(self, x, y=None, *, mask=None, return_dict=False):
        """Loss and metrics over all examples.

        Parameters
        ----------
        x, y, mask
            As for :meth:`fit`.
        return_dict : bool
            Whether to return a dict, such as ``{"loss": ..., "accuracy": ...}``.

        Returns
        -------
        list of float, float, or dict of str to float
            The loss and the metrics, in the order of `metrics_names`; the loss alone if there are
            no metrics; or all of them by name.
        """
        recipe = self._compiled("evaluate")
        examples = self.read_examples(x, y, mask, recipe.loss)
        with WorkerPool(self, recipe.workers) as pool:
            means = passes.evaluate(self, recipe, pool, examples)
        return passes.as_result(means, return_dict)

    @property
    def optimizer(self):
        """The optimiser in use; ``model.optimizer.learning_rate`` can be read and set."""
        return self._compiled("optimizer").optimizer

    @property
    def metrics_names(self):
        """Names of the numbers that :meth:`evaluate` returns, in its order."""
        return ["loss", *(metric.name for metric in self._compiled("metrics_names").metrics)]

    def predict(self, x, *, mask=None):
        """Probabilities, (n, n_classes), in the order of `x`; needs no :meth:`compile`.

        The exception is a :class:`~minitransformer.models.Transformer`. It needs the start token,
        so it must have been compiled, or loaded from the file of a compiled model.
        """
        examples = self.learns_from.read_inputs(self, x, mask)
        recipe, tokens, workers = self.recipe, None, None
        if recipe is not None:
            tokens, workers = recipe.micro_batch_tokens, recipe.workers
        workers = workers or default_workers(self.flat.values)
        with WorkerPool(self, min(workers, len(examples))) as pool:
            return passes.predict(self, pool, examples, tokens)

    def read_examples(self, x, y, mask, loss):
        """Check inputs and targets, as given to :meth:`fit`; return examples with both."""
        return self.learns_from.read_examples(self, x, y, mask, loss)

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
