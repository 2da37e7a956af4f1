"""What `fit` does with its data: read, split and check the examples, and make a run of them."""

from minitransformer.training.arguments import read_class_weights, read_fit_arguments, split_off
from minitransformer.training.loop import Run
from minitransformer.training.restoring import restore
from minitransformer.training.streams import Stream, is_stream, read_all


class FitData:
    """The arguments of `fit` that are about data, as given by the user."""

    def __init__(
        self, x, y, mask, sample_weight, validation_data, validation_split, validation_steps,
        class_weight,
    ):  # fmt: skip
        self.x, self.y, self.mask, self.sample_weight = x, y, mask, sample_weight
        self.validation_data, self.validation_split = validation_data, validation_split
        self.validation_steps, self.class_weight = validation_steps, class_weight


def make_run(model, data, numbers, callbacks, shown, resume, processes):
    """Check all arguments of `fit`; return a :class:`Run` that is ready to go.

    Parameters
    ----------
    model : Trainable
        The model to train.
    data : FitData
        The examples.
    numbers : tuple
        The arguments of :func:`~minitransformer.training.arguments.read_fit_arguments`.
    callbacks, shown : list of callbacks, and Progress
        What is called and shown.
    resume, processes
        As for :meth:`Trainable.fit`.
    """
    settings = read_fit_arguments(*numbers)
    if data.y is None and is_stream(data.x):
        train = read_stream(model, data, settings)
        validation = read_validation(model, data)
    else:
        train, validation = read_parts(model, data)
    weights = read_class_weights(data.class_weight, model.n_classes, train)
    settings = settings._replace(class_weights=weights)
    if settings.steps is not None and settings.shuffle and not isinstance(train, Stream):
        train = train.to_draw_from()
    run = Run(model, model.recipe, train, validation, settings, callbacks, shown, processes)
    epochs = run.plan.epochs
    if validation and not any(map(settings.validates, range(1, epochs + 1))):
        raise ValueError(
            f"validation_freq must name one of the {epochs} epochs, got {numbers[-1]}: "
            "the validation data would never be used"
        )
    if resume is not None:
        restore(resume, run)
    elif settings.initial_epoch >= epochs:
        raise ValueError(
            f"initial_epoch must be below epochs={epochs}, the number at which training "
            f"ends, got {settings.initial_epoch}: nothing would be trained"
        )
    return run


def read_stream(model, data, settings):
    """The batches that `x` gives, as a :class:`Stream` whose first batch has been read."""
    for name in ("mask", "sample_weight", "validation_split"):
        value = getattr(data, name)
        if value is not None and not (name == "validation_split" and value == 0):
            raise ValueError(
                f"{name} cannot be used if x gives batches: each batch may be (x, y, sample_weight)"
            )
    stream = Stream(data.x, model, settings.steps_per_epoch, settings.initial_epoch)
    stream.read_first()
    return stream


def read_validation(model, data):
    """The examples in `validation_data`, which may also be batches; None if there are none."""
    given, steps = data.validation_data, data.validation_steps
    if is_stream(given):
        return read_all(model, given, steps)
    if steps is not None:
        raise ValueError(
            f"validation_steps must be None unless validation_data gives batches, got {steps}: "
            "all of validation_data are used: give fewer"
        )
    if given is None:
        return None
    return model.learns_from.read_validation(model, given, model.recipe.loss)


def read_parts(model, data):
    """The examples to train on, and those to validate on, or None.

    Raises
    ------
    TypeError, ValueError
        If the data are wrong, or both kinds of validation data are given.
    """
    if data.validation_data is not None and data.validation_split:
        raise ValueError(
            "give validation_data or validation_split, not both: "
            f"validation_split={data.validation_split}"
        )
    train = model.read_examples(data.x, data.y, data.mask, model.recipe.loss, data.sample_weight)
    validation = read_validation(model, data)
    if data.validation_split:
        train, validation = split_off(train, data.validation_split)
    model.learns_from.check_training(model, train)
    return train, validation
