"""The Keras-like face of every model: compile, fit, evaluate, predict."""

import numpy as np

from minitransformer.training import callbacks as callback_module
from minitransformer.training import (
    checkpoint,
    passes,
    progress,
    step,
    summary,
)
from minitransformer.training import (
    model_file as persist,
)
from minitransformer.training.arguments import read_settings, split_off
from minitransformer.training.learner import Learner
from minitransformer.training.loop import Run
from minitransformer.training.parallel.workers import WorkerPool, default_workers
from minitransformer.training.recipe import Recipe
from minitransformer.training.steps import READ_EVERY


class Trainable(Learner):
    """A model that can be trained; what it provides, and may override, says :class:`Learner`.

    Attributes
    ----------
    recipe : Recipe or None
        What :meth:`compile` fixed.
    stop_training : bool
        Set it from a callback to end training after the epoch.
    read_every : int
        Steps between two readings of the loss on a GPU.
    kept : tuple of str
        Attributes, ids of tokens, that a file of the model holds besides its configuration.
    compile_call : str
        How :meth:`compile` is called at least, for messages.
    """

    recipe = None
    stop_training = False
    read_every = READ_EVERY
    kept = ()
    compile_call = "model.compile()"

    def compile(
        self,
        optimizer="adam",
        loss="categorical_crossentropy",
        metrics=("accuracy",),
        *,
        schedule=None,
        clip=None,
        l1=0.0,
        l2=0.0,
        word_dropout=0.0,
        average=None,
        workers=None,
        micro_batch_tokens=None,
        precision="single",
    ):
        """Fix how the model is trained; see :class:`~minitransformer.training.recipe.Recipe`."""
        recipe = Recipe(
            optimizer,
            loss,
            metrics,
            schedule=schedule,
            clip=clip,
            l1=l1,
            l2=l2,
            word_dropout=word_dropout,
            average=average,
            workers=workers,
            micro_batch_tokens=micro_batch_tokens,
            precision=precision,
        )
        self.recipe = recipe.checked_for(self)

    def fit(
        self,
        x,
        y=None,
        *,
        epochs=None,
        batch_size=32,
        validation_data=None,
        validation_split=0.0,
        callbacks=(),
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
            In a list every id is a token; in an array trailing zeros are padding.
        y : (n,) int array, or (n, n_classes) one-hot rows
            Models of sequences take other data, see their classes.
        epochs, batch_size : int
            One epoch by default.
        validation_data : (x, y) or (x, y, mask), optional
        validation_split : float
            Share of the examples, the last ones, that are kept for validation instead.
        callbacks : list of Callback or function (epoch, logs)
        verbose : {0, 1, 2}
            Show nothing, progress, or a line an epoch.
        shuffle : bool
            Draw batches of similar length in random order; otherwise as they come.
        class_weight : dict or list, optional
            Weight of each class in the training loss; 1 for a class the dict leaves out.
        mask : like `x`, of bool, optional
            True where a token stands.
        initial_epoch : int
            Number of the first epoch, from 0.
        resume : path-like, optional
            Checkpoint to go on from: with the same arguments, to a bit-identical end.
        processes : Processes, optional
            Those that train together, :func:`~minitransformer.training.parallel.mpi.join`.
        steps : int, optional
            Length of the run, instead of `epochs`; see `training/plans.py`.
        steps_per_epoch : int, optional
            Steps from one row of the history to the next, where `steps` is given.

        Returns
        -------
        History

        Raises
        ------
        TypeError, ValueError
            When an argument is wrong; nothing has changed then.
        TrainingDiverged
            When the loss or a gradient is NaN or infinite.
        """
        recipe = self._compiled("fit")
        settings = read_settings(
            epochs, steps, steps_per_epoch, batch_size, shuffle, initial_epoch, class_weight,
            self.n_classes,
        )  # fmt: skip
        train, validation = self.read_examples(x, y, mask, recipe.loss), None
        if validation_data is not None:
            validation = self.read_validation(validation_data, recipe.loss)
        elif validation_split:
            train, validation = split_off(train, validation_split)
        self.check_training(train)
        if settings.steps is not None and settings.shuffle:
            train = train.to_draw_from()
        shown, told = progress.choose(verbose), callback_module.arrange(callbacks)
        run = Run(self, recipe, train, validation, settings, told, shown, processes)
        if resume is not None:
            checkpoint.restore(resume, run)
        return run.go()

    def train_on_batch(self, x, y=None, *, mask=None):
        """Take one step on the examples given; returns ``{"loss": ..., "accuracy": ...}``.

        The numbers are those before the step. The learning rate is the optimiser's own.
        """
        recipe = self._compiled("train_on_batch")
        examples = self.read_examples(x, y, mask, recipe.loss)
        running = passes.RunningMeans(recipe.metrics)
        with WorkerPool(self, recipe.workers, keep_memory=True) as pool:
            running.add(*step.train_step(self, recipe, pool, examples, np.arange(len(examples))))
        return running.means(penalty=bool(recipe.l1 or recipe.l2))

    def evaluate(self, x, y=None, *, mask=None):
        """Loss and metrics over all examples: ``{"loss": ..., "accuracy": ...}``."""
        recipe = self._compiled("evaluate")
        examples = self.read_examples(x, y, mask, recipe.loss)
        with WorkerPool(self, recipe.workers) as pool:
            return passes.evaluate(self, recipe, pool, examples)

    def predict(self, x, *, mask=None):
        """Probabilities, (n, n_classes), in the order of `x`; needs no :meth:`compile`.

        Only a :class:`~minitransformer.models.Transformer` that was neither compiled nor read from
        a file of one that was has to be: it does not know the token that begins its targets.
        """
        examples = self.read_inputs(x, mask)
        recipe, tokens, workers = self.recipe, None, None
        if recipe is not None:
            tokens, workers = recipe.micro_batch_tokens, recipe.workers
        workers = workers or default_workers(self.flat.values)
        with WorkerPool(self, min(workers, len(examples))) as pool:
            return passes.predict(self, pool, examples, tokens)

    def to(self, device):
        """Move the model and the state of its training to "numpy" or "cupy"; returns itself."""
        super().to(device)
        if self.recipe is not None:
            self.recipe.to(device)
        return self

    def summary(self, print_fn=print):
        """Print a table of the layers, the shapes of their parameters, and how many they are."""
        print_fn(summary.table(self))

    def save(self, path):
        """Write weights and configuration to one safetensors file, atomically."""
        persist.save_model(self, path)

    @classmethod
    def load(cls, path):
        """The model in a file that :meth:`save` wrote; see `training/model_file.py`."""
        return persist.load_model(cls, path)

    def _compiled(self, method):
        if self.recipe is None:
            raise RuntimeError(f"call compile before {method}, for instance {self.compile_call}")
        if method != "evaluate" and self.dtype == np.float16:
            raise ValueError("dtype: float16 models cannot be trained yet: train in float32")
        return self.recipe
