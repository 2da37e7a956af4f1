"""Training runs, from a recipe to figures, without the command line.

The files of a run are in one folder. Start a run, train it, and open its folder again:

>>> from minitransformer.runs import RunFolder, evaluate, explain, start, train
>>> folder, texts = start("classification", out="my-run", epochs=1, n_layers=1, workers=1)
>>> model, history = train(folder, texts)
>>> folder = RunFolder.open("my-run")
>>> (prediction,) = explain(folder, folder.load_model(), ["The acting is not at all dull."])
>>> prediction.class_names
('negative', 'positive')
>>> prediction.tokens
('the', 'acting', 'is', 'not', 'at', 'all', 'dull', '.')
>>> list(evaluate(folder))[:4]
['test loss', 'test accuracy', 'unseen combinations', 'handwritten']

The commands call the same functions, and print the lines that are passed to `on_progress`.
"""

from minitransformer.runs.config import Config
from minitransformer.runs.evaluation import evaluate
from minitransformer.runs.explain import Prediction, draw, explain
from minitransformer.runs.generation import generate, translate
from minitransformer.runs.resuming import resume
from minitransformer.runs.run_folder import RunFolder
from minitransformer.runs.source import Source
from minitransformer.runs.summary import summary
from minitransformer.runs.tasks import TASKS
from minitransformer.runs.training import start, train

__all__ = [
    "Config", "Prediction", "RunFolder", "Source", "TASKS", "draw", "evaluate", "explain",
    "generate", "resume", "start", "summary", "train", "translate",
]  # fmt: skip
