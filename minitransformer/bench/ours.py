"""Our side: the training steps that `fit` takes, and calls of `generate`."""

import time
from importlib.metadata import version

import numpy as np
from threadpoolctl import threadpool_info

from minitransformer.backend import array_module, choose_device, memory, synchronize, to_device
from minitransformer.bench.workloads import SEED
from minitransformer.bench.workloads.classifier import N_CLASSES, batches
from minitransformer.bench.workloads.generation import prompts
from minitransformer.bench.workloads.language_model import ADAMW, CLIP, windows
from minitransformer.bench.workloads.translation import END, LABEL_SMOOTHING, START, sentences
from minitransformer.data.examples.examples import Examples
from minitransformer.inference import generate
from minitransformer.models import (
    GPT,
    RecurrentClassifier,
    Transformer,
    TransformerClassifier,
)
from minitransformer.training.objective.losses import CategoricalCrossentropy
from minitransformer.training.optim.optimizers import AdamW
from minitransformer.training.parallel.workers import WorkerPool
from minitransformer.training.step import train_step

PEAK_SIZE, PEAK_SECONDS = 2048, 1.5


def about():
    """A dict with NumPy's version and the linear-algebra library."""
    blas = [lib for lib in threadpool_info() if lib["user_api"] == "blas"]
    words = [
        f"{lib['internal_api']} {lib.get('version') or ''} ({lib.get('architecture', 'unknown')})"
        for lib in blas
    ]
    return {"NumPy": version("numpy"), "BLAS": ", ".join(words) or "unknown"}


def peak(device):
    """Operations per second of the fastest of several products of 2048 x 2048 float32 matrices."""
    a = to_device(np.ones((PEAK_SIZE, PEAK_SIZE), np.float32), choose_device(device))
    product, matmul = a @ a, array_module(a).matmul
    shortest, end = np.inf, time.perf_counter() + PEAK_SECONDS
    while time.perf_counter() < end:
        start = time.perf_counter()
        matmul(a, a, out=product)
        synchronize(product)
        shortest = min(shortest, time.perf_counter() - start)
    return 2 * PEAK_SIZE**3 / shortest


def classifier_of(case, **options):
    """The classifier of a case."""
    return TransformerClassifier(
        n_classes=N_CLASSES, activation="relu", norm="pre", pooling="mean", seed=SEED,
        **case.sizes, **options,
    )  # fmt: skip


def examples_of(case, batch):
    """A batch of the classifier, in the form that the training loop uses.

    If the case is padded, every sequence is given with length T, so the package does not trim it.
    Only the mask marks the padding, which is computed like the tokens.
    """
    if not case.padded:
        return Examples(np.concatenate(batch.sequences), batch.lengths, targets=batch.labels)
    ids, mask = batch.padded(case.max_len)
    lengths = np.full(len(ids), case.max_len)
    return Examples(ids.ravel(), lengths, mask.ravel(), batch.labels)


class OurSteps:
    """Base class of the steps of all kinds of cases: a model on a device.

    Parameters
    ----------
    model : Layer
        The model, on the host; it is moved to the GPU if `device` is "gpu".
    device : {"cpu", "gpu"}
        Where the steps are computed.
    """

    def __init__(self, model, device):
        self.model = model
        if device == "gpu":
            model.to(choose_device(device))

    def step(self, number):
        """Do the work of one step, on batch `number` (modulo the number of batches)."""
        raise NotImplementedError

    def wait(self):
        """Wait until the device has finished."""
        synchronize(self.model.flat.values)

    def device_memory(self):
        """Memory held on the device, in bytes; None on the CPU, where the process's is measured."""
        held = memory(self.model.flat.values)
        return held and held["held"]


class TrainingSteps(OurSteps):
    """Training steps of a model.

    Parameters
    ----------
    model : Trainable
        A compiled model.
    examples : list of ExampleSet
        The batches.
    device : {"cpu", "gpu"}
        Where the steps are computed.
    """

    def __init__(self, model, examples, device):
        super().__init__(model, device)
        self.batches = examples
        self.pool = WorkerPool(model, model.recipe.workers, fork=True).__enter__()

    def step(self, number):
        """Forward pass, backward pass and optimiser step."""
        examples = self.batches[number % len(self.batches)]
        return train_step(
            self.model, self.model.recipe, self.pool, examples, np.arange(len(examples))
        )


def classifier_steps(case, device, workers, **options):
    model = classifier_of(case, **options)
    model.compile("adam", "categorical_crossentropy", [], workers=workers)
    return TrainingSteps(model, [examples_of(case, batch) for batch in batches(case)], device)


def recurrent_steps(case, device, workers):
    model = RecurrentClassifier(n_classes=N_CLASSES, cell="lstm", seed=SEED, **case.sizes)
    model.compile("adam", "categorical_crossentropy", [], workers=workers)
    return TrainingSteps(model, [examples_of(case, batch) for batch in batches(case)], device)


def language_model_steps(case, device, workers):
    model = GPT(seed=SEED, **case.sizes)
    model.compile(AdamW(**ADAMW), metrics=[], clip=CLIP, workers=workers)
    examples = [model.read_examples(ids, None, None, None) for ids in windows(case)]
    return TrainingSteps(model, examples, device)


def translation_steps(case, device, workers):
    model = Transformer(seed=SEED, **case.sizes)
    model.compile(
        "adam", CategoricalCrossentropy(LABEL_SMOOTHING), [], workers=workers,
        start_id=START, end_id=END,
    )  # fmt: skip
    examples = [model.read_examples(*batch, None, None) for batch in sentences(case)]
    return TrainingSteps(model, examples, device)


class GenerationSteps(OurSteps):
    """Generation steps: prompts are continued token by token."""

    def __init__(self, case, device, workers):
        super().__init__(GPT(seed=SEED, **case.sizes), device)
        self.case, self.prompts = case, prompts(case)

    def step(self, number):
        """Continue prompt `number`; returns the generated tokens, an int array (written,)."""
        prompt = self.prompts[number % len(self.prompts)]
        return generate(self.model, [prompt], max_new_tokens=self.case.written, greedy=True)[0]


KINDS = {
    "classifier": classifier_steps,
    "language model": language_model_steps,
    "generation": GenerationSteps,
    "translation": translation_steps,
    "recurrent": recurrent_steps,
}


def steps(case, device, threads, **options):
    """The steps of a case.

    Parameters
    ----------
    case : Case
        The case to measure.
    device : {"cpu", "gpu"}
        Where the steps are computed.
    threads : int
        Number of workers on the CPU; on a GPU there is one.
    **options
        For the classifier: ``attention``, "full" or "tiled".

    Returns
    -------
    OurSteps
    """
    return KINDS[case.kind](case, device, threads if device == "cpu" else 1, **options)
