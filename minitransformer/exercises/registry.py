"""All exercises, in the order of the notebooks."""

from minitransformer.exercises import attending, losses, maps, norms, training

EXERCISES = {
    exercise.name: exercise
    for topic in (losses, maps, norms, attending, training)
    for exercise in topic.EXERCISES
}
