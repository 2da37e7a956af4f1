"""Training steps of every model, on PyTorch's side."""

import numpy as np
import torch
from torch.nn import functional as T

from minitransformer.bench.torch_side.classifier import Classifier
from minitransformer.bench.torch_side.gpt import GPT
from minitransformer.bench.torch_side.parts import device_of
from minitransformer.bench.torch_side.recurrent import RecurrentClassifier
from minitransformer.bench.torch_side.transformer import Transformer
from minitransformer.bench.workloads import SEED
from minitransformer.bench.workloads.classifier import Batch, batches
from minitransformer.bench.workloads.language_model import ADAMW, CLIP, windows
from minitransformer.bench.workloads.translation import (
    END,
    LABEL_SMOOTHING,
    START,
    Sentences,
    padded,
    sentences,
)

NO_TARGET = -1


def by_length(lengths, groups):
    """Indices of the longest sequences, of the next longest, and so on: `groups` int arrays."""
    order = np.argsort(-np.asarray(lengths), kind="stable")
    return [indices for indices in np.array_split(order, groups) if len(indices)]


class TorchSteps:
    """Base class of the steps of all kinds of cases: a model on a device.

    Parameters
    ----------
    model : type
        The model's class, which is called with the case.
    case : Case
        The case to measure.
    device : {"cpu", "gpu"}
        Where the steps are computed.
    compiled : bool
        Whether to use ``torch.compile``.
    """

    def __init__(self, model, case, device, compiled):
        self.device = device_of(device)
        torch.manual_seed(SEED)
        self.model = model(case).to(self.device)
        self.compiled = torch.compile if compiled else lambda function: function

    def tensor(self, array):
        """The array as a tensor on the device; None stays None."""
        return None if array is None else torch.from_numpy(array).to(self.device)

    def wait(self):
        """Wait until the device has finished."""
        if self.device == "cuda":
            torch.cuda.synchronize()

    def device_memory(self):
        """Peak memory held on the device, in bytes; None on the CPU."""
        return torch.cuda.max_memory_reserved() if self.device == "cuda" else None


class TrainingSteps(TorchSteps):
    """Training steps. A subclass sets `batches`.

    Attributes
    ----------
    batches : list of list of (float, list)
        For each batch, its parts: the fraction of the batch's loss that a part has, and the part's
        arguments for `loss`. The gradients of the parts add up to the gradient of the batch.
    clip : float or None
        The norm to which a larger gradient is clipped; None for no clipping.
    """

    clip = None

    def __init__(self, model, case, device, compiled):
        super().__init__(model, case, device, compiled)
        self.model.train()
        self.run, self.optimizer = self.compiled(self.model), self.make_optimizer()

    def make_optimizer(self):
        return torch.optim.Adam(self.model.parameters(), lr=1e-3, fused=True)

    def loss(self, *batch):
        """The loss of a batch, a 0-d tensor."""
        raise NotImplementedError

    def step(self, number):
        """Take a training step on batch `number` (modulo the number of batches)."""
        self.optimizer.zero_grad(set_to_none=True)
        total = 0.0
        for fraction, part in self.batches[number % len(self.batches)]:
            loss = self.loss(*part)
            loss = loss if fraction == 1 else loss * fraction
            loss.backward()
            total = total + loss.detach()
        if self.clip is not None:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.clip)
        self.optimizer.step()
        return (total,)


class ClassifierSteps(TrainingSteps):
    """Steps of the classifier; a batch is processed in `groups` groups of like length."""

    network = Classifier

    def __init__(self, case, device, compiled, groups=1):
        super().__init__(self.network, case, device, compiled)
        self.batches = [
            [(len(part.labels) / len(batch.labels), self._tensors(case, part)) for part in parts]
            for batch in batches(case)
            for parts in [self._parts(batch, groups)]
        ]

    def _parts(self, batch, groups):
        if groups == 1:
            return [batch]
        return [
            Batch([batch.sequences[i] for i in indices], batch.labels[indices])
            for indices in by_length(batch.lengths, groups)
        ]

    def _tensors(self, case, batch):
        """ids, mask and labels, padded to the longest text, or to T if the case is padded."""
        ids, mask = batch.padded(case.max_len if case.padded else None)
        mask = None if mask.all() else mask
        return [self.tensor(array) for array in (ids, mask, batch.labels)]

    def loss(self, ids, mask, labels):
        return T.cross_entropy(self.run(ids, mask), labels)


class RecurrentSteps(ClassifierSteps):
    """Steps of the recurrent classifier, on batches in the form of the classifier's."""

    network = RecurrentClassifier


class LanguageModelSteps(TrainingSteps):
    """Steps of the decoder, which predicts each token from the tokens before it."""

    clip = CLIP

    def __init__(self, case, device, compiled):
        super().__init__(GPT, case, device, compiled)
        self.batches = [
            [(1.0, [self.tensor(ids[:, :-1].copy()), self.tensor(ids[:, 1:].flatten())])]
            for ids in windows(case)
        ]

    def make_optimizer(self):
        """AdamW, whose weight decay acts on matrices but not on biases and gains."""
        parameters = list(self.model.parameters())
        decay = ADAMW["weight_decay"]
        groups = [
            {"params": [p for p in parameters if p.ndim > 1], "weight_decay": decay},
            {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
        ]
        betas = 0.9, ADAMW["beta2"]
        return torch.optim.AdamW(groups, lr=ADAMW["learning_rate"], betas=betas, fused=True)

    def loss(self, ids, targets):
        return T.cross_entropy(self.run(ids).flatten(0, 1), targets)


class TranslationSteps(TrainingSteps):
    """Steps of the encoder-decoder; a batch is processed in `groups` groups of like length."""

    def __init__(self, case, device, compiled, groups=1):
        super().__init__(Transformer, case, device, compiled)
        self.batches = [self._parts(batch, groups) for batch in sentences(case)]

    def _parts(self, batch, groups):
        sources, targets = batch
        if groups == 1:
            return [(1.0, self._tensors(sources, targets))]
        lengths = [len(source) + len(target) for source, target in zip(*batch, strict=True)]
        parts = [
            Sentences([sources[i] for i in indices], [targets[i] for i in indices])
            for indices in by_length(lengths, groups)
        ]
        predicted = [sum(len(ids) + 1 for ids in part.targets) for part in parts]
        return [
            (count / sum(predicted), self._tensors(*part))
            for count, part in zip(predicted, parts, strict=True)
        ]

    def _tensors(self, sources, targets):
        """Sources, inputs of the decoder, mask of the sources, and targets of the decoder."""
        source = padded(sources)
        mask = padded([ids > -1 for ids in sources]).astype(bool)
        inputs = padded([[START, *ids] for ids in targets])
        outputs = padded([[*ids, END] for ids in targets], filler=NO_TARGET)
        mask = None if mask.all() else mask
        return [self.tensor(array) for array in (source, inputs, mask, outputs.ravel())]

    def loss(self, source, target, mask, targets):
        logits = self.run(source, target, mask).flatten(0, 1)
        return T.cross_entropy(
            logits, targets, ignore_index=NO_TARGET, label_smoothing=LABEL_SMOOTHING
        )
