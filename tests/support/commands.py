"""What the tests of the commands have in common, apart from fixtures."""

TINY = (
    "--d-model 8 --n-heads 2 --d-ff 8 --n-layers 1 --max-len 12 --epochs 2 --batch-size 16"
    " --workers 1"
).split()

# Training that sends itself a real Ctrl-C after step 11, in the middle of the third epoch.
INTERRUPTED = """
import os, signal, sys
from minitransformer.cli import main
from minitransformer.training import Checkpoint

def press(self, batch, logs):
    if self.run.step == 11:
        os.kill(os.getpid(), signal.SIGINT)

Checkpoint.on_train_batch_end = press
main()
"""


def assert_one_line(err):
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err


def write_table(path, n=80):
    """A CSV of `n` short reviews in three classes."""
    nouns = ["film", "plot", "cast", "score", "scene"]
    rows = ["review,stars"]
    for i in range(n):
        word, stars = [("dull", 1), ("decent", 2), ("great", 3)][i % 3]
        rows.append(f'"A {word} {nouns[i % 5]}, number {i}",{stars}')
    path.write_text("\n".join(rows) + "\n")
    return path
