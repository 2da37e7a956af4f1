"""All exercises, in the order of the notebooks."""

from minitransformer.exercises.catalogue import (
    activations,
    attention,
    broken_gradients,
    closures,
    cross_entropy,
    decoder,
    devices,
    dropout,
    encoder_decoder,
    gated_activations,
    heads_and_masks,
    linear_and_embedding,
    looking_inside,
    norms,
    optimisers,
    pooling,
    positions,
    rms_norm,
    softmax,
    squared_error,
    tiled_attention,
)
from minitransformer.exercises.catalogue.recurrence import exercises as recurrence
from minitransformer.exercises.catalogue.windows import exercises as convolutions

TOPICS = (
    softmax, squared_error, cross_entropy, linear_and_embedding, activations, gated_activations,
    norms, rms_norm, positions, attention, heads_and_masks, tiled_attention, dropout, optimisers,
    pooling, looking_inside, decoder, encoder_decoder, devices, broken_gradients, closures,
    convolutions, recurrence,
)  # fmt: skip
# the last ones of a notebook whose topic comes earlier
LAST = ("qkv_projection_backward", "causal_mask", "tiled_attention_backward")
_ALL = [exercise for topic in TOPICS for exercise in topic.EXERCISES]


def _place(exercise):
    return exercise.notebook, LAST.index(exercise.name) if exercise.name in LAST else -1


EXERCISES = {exercise.name: exercise for exercise in sorted(_ALL, key=_place)}
