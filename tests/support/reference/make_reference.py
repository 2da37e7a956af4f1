"""Make the stored values and gradients from PyTorch, in float64.

Run from the root of the repository, with PyTorch installed::

    python -m tests.support.reference.make_reference

It writes ``pairs.safetensors`` and ``classifier.safetensors`` beside itself. The tests read those
files and need no PyTorch.
"""

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file

from minitransformer.functional import PAIRS
from tests.support.reference import cases
from tests.support.reference.torch_classifier import adam_losses, logits_and_gradients
from tests.support.reference.torch_pairs import values_and_gradients

FOLDER = Path(__file__).parent


def _save(name, arrays, options):
    # safetensors writes the wrong numbers for an array that is not contiguous
    arrays = {key: np.array(value, order="C") for key, value in arrays.items()}
    # One entry only: several would be written in a random order
    notes = json.dumps({"options": options, "torch": torch.__version__})
    save_file(arrays, FOLDER / name, metadata={"notes": notes})
    print(f"{name}: {len(arrays)} arrays, {(FOLDER / name).stat().st_size / 1e3:.0f} kB")


def make_pairs():
    """Inputs, upstream gradients, outputs and gradients of every pair."""
    arrays, options = {}, {}
    for name, pair in PAIRS.items():
        for i, (inputs, rng) in enumerate(cases.pair_cases(name)):
            case = f"{name}/{i}"
            outputs, upstreams, gradients = values_and_gradients(name, inputs, pair.wrt, rng)
            arrays |= {f"{case}/in/{k}": v for k, v in inputs.items() if hasattr(v, "dtype")}
            arrays |= {f"{case}/up/{k}": v for k, v in enumerate(upstreams)}
            arrays |= {f"{case}/out/{k}": v for k, v in enumerate(outputs)}
            arrays |= {f"{case}/grad/{k}": v for k, v in gradients.items()}
            options[case] = {k: v for k, v in inputs.items() if not hasattr(v, "dtype")}
    _save("pairs.safetensors", arrays, options)


def make_classifiers():
    """Logits and gradients of six classifiers, losses of two training runs."""
    arrays, options = {}, {}
    for name, choices in cases.MODELS.items():
        settings = cases.MODEL_SIZES | choices
        values = cases.initial_values(choices, cases.MODEL_SIZES)
        ids, mask, _ = cases.batch(cases.MODEL_SIZES, 5, seed=6)
        dlogits = cases.rounded(np.random.default_rng(7).standard_normal((5, 3)))
        logits, gradients = logits_and_gradients(settings, values, ids, mask, dlogits)
        arrays |= {f"{name}/value/{k}": v.astype(np.float32) for k, v in values.items()}
        arrays |= {f"{name}/grad/{k}": v for k, v in gradients.items()}
        call = {"ids": ids, "mask": mask, "dlogits": dlogits, "logits": logits}
        arrays |= {f"{name}/{k}": v for k, v in call.items()}
        options[name] = settings
    for name, choices in cases.RUNS.items():
        settings = cases.RUN_SIZES | choices
        values = cases.initial_values(choices, cases.RUN_SIZES)
        batches = [cases.batch(cases.RUN_SIZES, 8, seed=[8, i]) for i in range(4)]
        losses = adam_losses(settings, values, batches, cases.RUN_STEPS, cases.RUN_LEARNING_RATE)
        run = f"run-{name}"
        arrays |= {f"{run}/value/{k}": v.astype(np.float32) for k, v in values.items()}
        for k, part in enumerate(("ids", "mask", "labels")):
            arrays[f"{run}/{part}"] = np.stack([b[k] for b in batches])
        arrays[f"{run}/losses"] = np.array(losses)
        options[run] = settings | {"learning_rate": cases.RUN_LEARNING_RATE}
        print(f"{run}: loss {losses[0]:.3f} to {losses[-1]:.3f}")
    _save("classifier.safetensors", arrays, options)


if __name__ == "__main__":
    make_pairs()
    make_classifiers()
