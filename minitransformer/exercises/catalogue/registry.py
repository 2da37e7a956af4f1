"""All exercises, in the order of the notebooks."""

from minitransformer.exercises import (
    activations,
    attending,
    heads,
    losses,
    maps,
    norms,
    pooling,
    positions,
    scores,
    training,
)

TOPICS = (
    scores, losses, maps, activations, norms, positions, attending, heads, training, pooling,
)  # fmt: skip
_ALL = [exercise for topic in TOPICS for exercise in topic.EXERCISES]
EXERCISES = {exercise.name: exercise for exercise in sorted(_ALL, key=lambda e: e.notebook)}
