"""The training loop: epochs of steps, validation, callbacks, and an orderly end."""

import copy
import functools
import json
import time
import warnings

from minitransformer.backend import to_host
from minitransformer.training import checkpoint
from minitransformer.training.callbacks import TerminateOnNaN
from minitransformer.training.callbacks.calling import call_all, prepare
from minitransformer.training.divergence import TrainingDiverged
from minitransformer.training.history import History
from minitransformer.training.interrupts import Interrupts
from minitransformer.training.optim.averaging import applied
from minitransformer.training.parallel.mpi import ProcessPool
from minitransformer.training.parallel.workers import WorkerPool, default_workers
from minitransformer.training.passes import RunningMeans, evaluate
from minitransformer.training.step import train_step
from minitransformer.training.steps import Steps


class Run:
    """One training run.

    Parameters
    ----------
    model : Trainable
        The model to train.
    recipe : CompiledTraining
        What `compile` fixed.
    train, validation : Examples
        Examples with targets; `validation` may be None.
    settings : FitArguments
        The arguments of `fit` that the loop needs.
    callbacks : list of Callback
        In the order in which they are called.
    progress : Progress
        Object that shows the progress.
    processes : Processes, optional
        The MPI processes that train together, each with a run like this one.

    Attributes
    ----------
    history : History
        The rows of the epochs so far.
    plan : Epochs or Counted
        The plan that assigns examples to steps.
    epoch, batch : int
        Position of the run: `batch` steps of epoch `epoch` (from 0) are done.
    resumed : bool
        Whether the run was resumed from a checkpoint.
    workers : int
        Number of parallel workers. It decides the order of summation, and so the last bits.
    """

    def __init__(
        self, model, recipe, train, validation, settings, callbacks, progress, processes=None
    ):
        self.model, self.recipe, self.settings = model, recipe, settings
        self.train, self.validation = train, validation
        self.callbacks, self.progress = callbacks, progress
        self.history, self.resumed, self._steps = History(), False, None
        self.workers = recipe.workers or default_workers(model.flat.values)
        self.processes = processes
        if processes is not None:
            if recipe.workers not in (None, processes.size):
                raise ValueError(
                    f"workers must be {processes.size}, one per process, got {recipe.workers}"
                )
            self.workers = processes.size
        self.plan = settings.plan(train, model.seed)
        self._penalty = bool(recipe.l1 or recipe.l2)
        # Classes are weighted in training only; the validation loss has no class weights.
        self._weighted = recipe
        if settings.class_weights is not None:
            self._weighted = copy.copy(recipe)
            self._weighted.loss = recipe.loss.weighted(settings.class_weights)
        self._logs = {}
        self._start_epoch(settings.initial_epoch)
        params = {"verbose": progress.verbose, "epochs": self.plan.epochs}
        for callback in callbacks:
            prepare(callback, model, self, {**params, "steps": self.plan.per_epoch})

    @property
    def step(self):
        """Steps taken by the optimiser so far, in this run and before it."""
        return self.recipe.optimizer.t

    @functools.cached_property
    def fingerprints(self):
        """SHA-256 of the training data, and of the validation data (None if there are none)."""
        return [part and part.fingerprint() for part in (self.train, self.validation)]

    @property
    def log_names(self):
        """Names in the logs of an epoch."""
        names = ["loss", *(metric.name for metric in self.recipe.metrics)]
        penalty = ["penalty"] if self._penalty else []
        validation = [f"val_{name}" for name in names] if self.validation else []
        return [*names, *penalty, *validation, "learning_rate", "seconds"]

    def weights_in_use(self):
        """The parameters, (n,), that validation uses: the averages if there are any."""
        averages = self.recipe.averages
        return self.model.flat.values if averages is None else averages.values

    def position(self):
        """The position of the run, as a dict that JSON can store."""
        return {
            "epoch": self.epoch,
            "batch": self.batch,
            "seconds": self.seconds,
            "sums": self.running.sums,
        }

    def go_to(self, position):
        """Continue from a `position` that :meth:`position` returned."""
        self.epoch, self.batch = position["epoch"], position["batch"]
        self.seconds = position["seconds"]
        self.running = RunningMeans(self.recipe.metrics, position["sums"])
        self.resumed = True

    def save(self, path):
        """Write a checkpoint."""
        if self._steps is not None:
            self._steps.read()
        checkpoint.save(path, self)

    def _start_epoch(self, epoch):
        self.epoch, self.batch, self.seconds = epoch, 0, 0.0
        self.running = RunningMeans(self.recipe.metrics)

    def go(self):
        """Train to the last epoch, or until Ctrl-C or a callback ends the run; return the history.

        Raises
        ------
        TrainingDiverged
            If the loss or a gradient is NaN or infinite.
        """
        self.model.stop_training = False
        with Interrupts() as interrupts:
            self._call(interrupts, "on_train_begin", {})
            with self._pool() as pool, self.progress:
                self._steps = Steps(train_step, self.model, self._weighted, pool, self.train)
                self._epochs(pool, interrupts)
            if self.history.interrupted:
                self._call(interrupts, "on_interrupt")
            if self.recipe.averages is not None and self.step:
                self.model.flat.values[...] = self.recipe.averages.values
            self._call(interrupts, "on_train_end", self._logs)
        return self.history

    def _pool(self):
        """The pool of workers; for several processes, check first that they have the same data."""
        if self.processes is None:
            return WorkerPool(self.model, self.workers, fork=self.recipe.can_be_sent())
        same = {"run": checkpoint.identity(self), "position": self.position()}
        same["position"].pop("seconds")
        self.processes.check_same("data or settings", json.dumps(same, sort_keys=True).encode())
        return ProcessPool(self.model, self.processes)

    def _interrupted(self, interrupts):
        """Whether Ctrl-C was pressed in any process; a callback's stop in one process stops all."""
        if self.processes is None:
            return interrupts.pressed
        pressed, stop = zip(
            *self.processes.exchange((interrupts.pressed, self.model.stop_training)), strict=True
        )
        self.model.stop_training = any(stop)
        return any(pressed)

    def _call(self, interrupts, event, *arguments):
        call_all(self.callbacks, interrupts, event, *arguments)

    def _epochs(self, pool, interrupts):
        plan, epochs = self.plan, self.plan.epochs
        multiplier = self.recipe.multiplier(plan.steps)
        done = self.epoch * plan.per_epoch + self.batch
        self.progress.start(epochs, plan.per_epoch, done, plan.steps)
        try:
            while self.epoch < epochs:
                interrupted = self._interrupted(interrupts)
                if self.model.stop_training:
                    break
                if interrupted or not self._epoch(pool, interrupts, multiplier):
                    self.history.interrupted = True
                    self.progress.line(f"interrupted after step {self.step}")
                    return
        except TrainingDiverged as error:
            error.history = self.history
            if not any(isinstance(callback, TerminateOnNaN) for callback in self.callbacks):
                raise
            self.progress.line(str(error))
        self.history.stopped_early = self.epoch < epochs

    def _epoch(self, pool, interrupts, multiplier):
        """Finish the current epoch; return False if Ctrl-C came first."""
        batches = self.plan.batches(self.epoch)
        if self.batch == 0:
            self._call(interrupts, "on_epoch_begin", self.epoch, {})
        start, before = time.perf_counter() - self.seconds, self.epoch * self.plan.per_epoch
        for batch in range(self.batch, len(batches)):
            what = batches[batch]
            if what is None:  # a generator has ended
                warnings.warn(f"x has ended after step {self.step}: training stops", stacklevel=2)
                self.model.stop_training = True
                break
            self._call(interrupts, "on_train_batch_begin", batch, {})
            self._steps.take(self.running, what, multiplier(before + batch + 1))
            self.batch, self.seconds = batch + 1, time.perf_counter() - start
            logs = self.running.means(self._penalty)
            self.progress.step(self.epoch, batch, logs)
            self._call(interrupts, "on_train_batch_end", batch, logs)
            if self._interrupted(interrupts):
                self._steps.read()
                return False
        self._steps.read()
        if self.batch:
            self._close_epoch(pool, interrupts, start, multiplier(before + self.batch))
        return True

    def _close_epoch(self, pool, interrupts, start, factor):
        """Validate, record the epoch, and call the callbacks."""
        logs = self.running.means(self._penalty)
        if self.validation and self.settings.validates(self.epoch + 1):
            self._call(interrupts, "on_test_begin", {})
            with applied(self.recipe.averages, self.model.flat.values):
                values = evaluate(self.model, self.recipe, pool, self.validation)
            logs |= {f"val_{name}": value for name, value in values.items()}
            self._call(interrupts, "on_test_end", values)
        logs["learning_rate"] = self.recipe.optimizer.learning_rate * factor
        logs["seconds"] = time.perf_counter() - start
        if self.processes is not None:
            self.processes.check_same("weights", to_host(self.model.flat.values).tobytes())
        epoch, self._logs = self.epoch, logs
        self.history.add(epoch + 1, logs)
        self.progress.epoch(epoch, logs)
        self._start_epoch(epoch + 1)
        self._call(interrupts, "on_epoch_end", epoch, logs)
