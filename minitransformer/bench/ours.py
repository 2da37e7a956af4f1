"""Our side: steps of `fit`, without what stands around them."""

import time
from importlib.metadata import version

import numpy as np
from threadpoolctl import threadpool_info

from minitransformer.backend import array_module, choose_device, memory, synchronize, to_device
from minitransformer.bench.workloads import N_CLASSES, SEED, batches
from minitransformer.models import TransformerClassifier
from minitransformer.training.examples import Examples
from minitransformer.training.step import train_step
from minitransformer.training.workers import WorkerPool

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


def model_of(case, **options):
    """The classifier of a case."""
    return TransformerClassifier(
        n_classes=N_CLASSES, activation="relu", norm="pre", pooling="mean", seed=SEED,
        **case.sizes, **options,
    )  # fmt: skip


def examples_of(case, batch):
    """A batch as the loop sees it.

    Where the case is padded, every sequence is T tokens long for the engine, which therefore trims
    nothing: the mask alone says what is padding, and all of it is computed.
    """
    if not case.padded:
        return Examples(np.concatenate(batch.sequences), batch.lengths, targets=batch.labels)
    ids, mask = batch.padded(case.max_len)
    lengths = np.full(len(ids), case.max_len)
    return Examples(ids.ravel(), lengths, mask.ravel(), batch.labels)


class Steps:
    """Training steps of one model on the batches of a case.

    Parameters
    ----------
    case : Case
    device : {"cpu", "gpu"}
    threads : int
        Workers.
    attention : {"full", "tiled"}, optional
    """

    def __init__(self, case, device, threads, **options):
        self.model = model_of(case, **options)
        if device == "gpu":
            self.model.to(choose_device(device))
        workers = threads if device == "cpu" else 1
        self.model.compile("adam", "categorical_crossentropy", [], workers=workers)
        self.batches = [examples_of(case, batch) for batch in batches(case)]
        self.pool = WorkerPool(self.model, self.model.recipe.workers).__enter__()

    def step(self, number):
        """Forward and backward pass and Adam, on batch `number` (modulo their number)."""
        examples = self.batches[number % len(self.batches)]
        return train_step(
            self.model, self.model.recipe, self.pool, examples, np.arange(len(examples))
        )

    def wait(self):
        """Until the device has done everything."""
        synchronize(self.model.flat.values)

    def device_memory(self):
        """Memory held on the device in bytes; None on the CPU, where the process is asked."""
        held = memory(self.model.flat.values)
        return held and held["held"]
