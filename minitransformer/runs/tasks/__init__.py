"""The tasks of runs, by name."""

from minitransformer.runs.tasks.classification import Classification
from minitransformer.runs.tasks.language_model import LanguageModel
from minitransformer.runs.tasks.strings import COPY_TASK, REVERSE_TASK
from minitransformer.runs.tasks.translation import Translation

TASKS = {
    task.name: task
    for task in (Classification(), REVERSE_TASK, COPY_TASK, LanguageModel(), Translation())
}
