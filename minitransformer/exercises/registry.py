"""All exercises, in the order of the notebooks."""

from minitransformer.exercises import attending, losses, maps, norms, training

_ALL = [
    exercise
    for topic in (losses, maps, norms, attending, training)
    for exercise in topic.EXERCISES
]
EXERCISES = {exercise.name: exercise for exercise in sorted(_ALL, key=lambda e: e.notebook)}
