"""All exercises, in the order of the notebooks."""

from minitransformer.exercises.catalogue import (
    activations,
    losses,
    norms,
    pooling,
    positions,
)
from minitransformer.exercises.catalogue import (
    attention as attending,
)
from minitransformer.exercises.catalogue import (
    dropout_and_optimisers as training,
)
from minitransformer.exercises.catalogue import (
    heads_and_masks as heads,
)
from minitransformer.exercises.catalogue import (
    linear_and_embedding as maps,
)
from minitransformer.exercises.catalogue import (
    softmax as scores,
)

TOPICS = (
    scores, losses, maps, activations, norms, positions, attending, heads, training, pooling,
)  # fmt: skip
_ALL = [exercise for topic in TOPICS for exercise in topic.EXERCISES]
EXERCISES = {exercise.name: exercise for exercise in sorted(_ALL, key=lambda e: e.notebook)}
