"""Generative models trained by MPI processes: the same bits as with workers in one process."""

import os
import pathlib
import subprocess
import sys

import pytest

from tests.support.mpi_processes import mpiexec

ROOT = pathlib.Path(__file__).parents[2]
CODE = """
import sys
from minitransformer.training import AdamW
from minitransformer.training.parallel.mpi import join
from tests.support.toys import END, START, ToyTranslator, ToyWriter, toy_pairs, toy_text

kind, workers, path = sys.argv[1], int(sys.argv[2]), sys.argv[3]
processes = join()
model = ToyWriter() if kind == "text" else ToyTranslator()
ids = {} if kind == "text" else {"start_id": START, "end_id": END}
model.compile(AdamW(0.01), clip=1.0, micro_batch_tokens=16, workers=workers, **ids)
data = toy_text() if kind == "text" else toy_pairs()
model.fit(data, steps=9, steps_per_epoch=4, batch_size=6, validation_data=data, verbose=0,
          processes=processes)
if processes is None or processes.rank == 0:
    model.save(path)
"""


def trained(kind, path, launcher=()):
    command = [*launcher, sys.executable, "-c", CODE, kind, "2", path]
    done = subprocess.run(
        [str(c) for c in command], capture_output=True, text=True, check=False, timeout=60,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"}, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return path.read_bytes()


@pytest.mark.parametrize("kind", ["text", "pairs"])
def test_two_processes_give_the_same_bits_as_two_workers(kind, tmp_path):
    one = trained(kind, tmp_path / "one")
    assert trained(kind, tmp_path / "many", [mpiexec(), "-n", 2]) == one
