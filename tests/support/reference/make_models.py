"""Make the stored values of whole models from PyTorch and the transformers library, in float64.

Run from the root of the repository, with both installed::

    python -m tests.support.reference.make_models

It writes ``models.safetensors`` beside itself. The tests read that file and need neither.
"""

import json
from pathlib import Path

import numpy as np
import torch
import transformers
from safetensors.numpy import save_file

from tests.support.reference import model_cases
from tests.support.reference.torch_models import run

PATH = Path(__file__).parent / "models.safetensors"


def main():
    arrays, options = {}, {}
    for seed, (case, (kind, settings)) in enumerate(model_cases.CASES.items()):
        inputs = model_cases.batches(kind, [21, seed])
        found = run(kind, settings, inputs, seed)
        losses = found["losses"]
        print(f"{case}: loss {losses[0]:.3f} to {losses[-1]:.3f}")
        arrays |= {f"{case}/{name}": value for name, value in (inputs | found).items()}
        options[case] = {"kind": kind, "settings": settings}
    # safetensors writes the wrong numbers for an array that is not contiguous
    arrays = {name: np.array(value, order="C") for name, value in arrays.items()}
    # One entry only: several would be written in a random order
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    notes = json.dumps({"options": options} | versions)
    save_file(arrays, PATH, metadata={"notes": notes})
    print(f"{len(arrays)} arrays, {PATH.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
