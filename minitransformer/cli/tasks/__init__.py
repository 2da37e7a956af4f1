"""The kinds of work that `train`, `evaluate` and a run folder know."""

from minitransformer.cli.tasks.classification import Classification

TASKS = {task.name: task for task in (Classification(),)}
