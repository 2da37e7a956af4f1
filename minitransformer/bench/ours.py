"""Our side: steps of `fit`, and calls of `generate`, without what stands around them."""

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
from minitransformer.models import GPT, Transformer, TransformerClassifier
from minitransformer.training.objective.losses import CategoricalCrossentropy
from minitransformer.training.optim.optimizers import AdamW
from minitransformer.training.parallel.workers import WorkerPool
from minitransformer.training.step import train_step

PEAK_SIZE, PEAK_SECONDS = 2048, 1.5


def about():
    """Versions and the linear-algebra library, by name."""
    blas = [lib for lib in threadpool_info() if lib["user_api"] == "blas"]
    words = [
        f"{lib['internal_api']} {lib.get('version') or ''} ({lib.get('architecture', 'unknown')})"
        for lib in blas
    ]
    return {"NumPy": version("numpy"), "BLAS": ", ".join(words) or "not told"}


def peak(device):
    """Operations a second of the fastest of some products (2048, 2048) x (2048, 2048), float32."""
    a = to_device(np.ones((PEAK_SIZE, PEAK_SIZE), np.float32), choose_device(device))
    product, matmul = a @ a, array_module(a).matmul
    least, end = np.inf, time.perf_counter() + PEAK_SECONDS
    while time.perf_counter() < end:
        began = time.perf_counter()
        matmul(a, a, out=product)
        synchronize(product)
        least = min(least, time.perf_counter() - began)
    return 2 * PEAK_SIZE**3 / least


def classifier_of(case, **options):
    """The classifier of a case."""
    return TransformerClassifier(
        n_classes=N_CLASSES, activation="relu", norm="pre", pooling="mean", seed=SEED,
        **case.sizes, **options,
    )  # fmt: skip


def examples_of(case, batch):
    """A batch of the classifier as the loop sees it.

    Where the case is padded, every sequence is T tokens long for the engine, which therefore trims
    nothing: the mask alone says what is padding, and all of it is computed.
    """
    if not case.padded:
        return Examples(np.concatenate(batch.sequences), batch.lengths, targets=batch.labels)
    ids, mask = batch.padded(case.max_len)
    lengths = np.full(len(ids), case.max_len)
    return Examples(ids.ravel(), lengths, mask.ravel(), batch.labels)


class Steps:
    """What all kinds of work share: the model, and where it lies.

    Parameters
    ----------
    model : Layer
    device : {"cpu", "gpu"}
    """

    def __init__(self, model, device):
        self.model = model
        if device == "gpu":
            model.to(choose_device(device))

    def step(self, number):
        """The work of one step, on batch `number` (modulo their number)."""
        raise NotImplementedError

    def wait(self):
        """Until the device has done everything."""
        synchronize(self.model.flat.values)

    def device_memory(self):
        """Memory held on the device in bytes; None on the CPU, where the process is asked."""
        held = memory(self.model.flat.values)
        return held and held["held"]


class TrainingSteps(Steps):
    """Training steps of a compiled model.

    Parameters
    ----------
    model : Trainable
    examples : list of ExampleSet
        The batches.
    device : {"cpu", "gpu"}
    """

    def __init__(self, model, examples, device):
        super().__init__(model, device)
        self.batches = examples
        self.pool = WorkerPool(model, model.recipe.workers, fork=True).__enter__()

    def step(self, number):
        """Forward and backward pass and optimiser."""
        examples = self.batches[number % len(self.batches)]
        return train_step(
            self.model, self.model.recipe, self.pool, examples, np.arange(len(examples))
        )


def classifier_steps(case, device, workers, **options):
    model = classifier_of(case, **options)
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


class GenerationSteps(Steps):
    """Texts that are gone on with, token by token."""

    def __init__(self, case, device, workers):
        super().__init__(GPT(seed=SEED, **case.sizes), device)
        self.case, self.prompts = case, prompts(case)

    def step(self, number):
        """The tokens that follow a prompt, (written,) int array."""
        prompt = self.prompts[number % len(self.prompts)]
        return generate(self.model, [prompt], max_new_tokens=self.case.written, greedy=True)[0]


KINDS = {
    "classifier": classifier_steps,
    "language model": language_model_steps,
    "generation": GenerationSteps,
    "translation": translation_steps,
}


def steps(case, device, threads, **options):
    """The steps of a case.

    Parameters
    ----------
    case : Case
    device : {"cpu", "gpu"}
    threads : int
        Workers.
    **options
        Of the classifier: ``attention``, "full" or "tiled".

    Returns
    -------
    Steps
    """
    return KINDS[case.kind](case, device, threads if device == "cpu" else 1, **options)
