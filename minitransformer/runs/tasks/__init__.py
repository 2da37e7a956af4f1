"""The kinds of work that `train`, `evaluate` and a run folder know."""

from minitransformer.cli.tasks.classification import Classification
from minitransformer.cli.tasks.language_model import LanguageModel
from minitransformer.cli.tasks.strings import COPY_TASK, REVERSE_TASK
from minitransformer.cli.tasks.translation import Translation

TASKS = {
    task.name: task
    for task in (Classification(), REVERSE_TASK, COPY_TASK, LanguageModel(), Translation())
}
