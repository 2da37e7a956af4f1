"""Unknown keywords are refused with the names that exist, and what to use in place of Keras's."""

import inspect

from minitransformer.checks import near_names

COMPILE_NAMES = (
    "optimizer", "loss", "metrics", "schedule", "clip", "l1", "l2", "word_dropout", "average",
    "workers", "micro_batch_tokens", "precision", "start_id", "end_id",
)  # fmt: skip
FIT_NAMES = (
    "x", "y", "batch_size", "epochs", "verbose", "callbacks", "validation_split", "validation_data",
    "shuffle", "class_weight", "sample_weight", "initial_epoch", "steps_per_epoch",
    "validation_steps", "validation_freq", "mask", "resume", "processes", "steps",
)  # fmt: skip
PREDICT_NAMES = ("x", "batch_size", "verbose", "mask")
EVALUATE_NAMES = ("x", "y", "batch_size", "verbose", "sample_weight", "mask", "return_dict")

COMPILE_HINTS = {
    "loss_weights": "a model has one loss",
    "weighted_metrics": "metrics are not weighted",
    "run_eagerly": "leave it out: nothing is compiled",
    "jit_compile": "leave it out: nothing is compiled",
    "steps_per_execution": "leave it out; model.read_every is similar on a GPU",
    "auto_scale_loss": "use precision='mixed', which scales the loss",
}
"""What to say about arguments that Keras has."""

FIT_HINTS = {
    "validation_batch_size": "leave it out: micro_batch_tokens of compile decides",
    "workers": "use compile(workers=...)",
    "use_multiprocessing": "use compile(workers=...)",
    "max_queue_size": "leave it out: nothing is queued",
    "nb_epoch": "it is called epochs",
}
EVALUATE_HINTS = {
    "steps": "all examples are used: give fewer",
    "callbacks": "callbacks are only for fit",
    "sample_weight": "weights are only for fit and evaluate",
    "workers": "use compile(workers=...)",
}


def refuse_unknown(owner, given, known, hints=None):
    """Refuse keyword arguments that do not exist.

    Parameters
    ----------
    owner : str
        Name of the function or class, for the message.
    given : iterable of str
        The names that were given.
    known : iterable of str
        The names that exist.
    hints : dict of str to str, optional
        What to say about a name that Keras has.

    Raises
    ------
    TypeError
        For the first unknown name.
    """
    for name in given:
        if name not in known:
            hint = (hints or {}).get(name) or near_names(name, known)
            raise TypeError(f"{owner} has no argument {name!r}; {hint}")


class NamedArguments:
    """Base class whose subclasses refuse unknown keywords with :func:`refuse_unknown`.

    Attributes
    ----------
    keras_hints : dict of str to str
        What to say about a keyword that Keras has.
    """

    keras_hints = {}

    def __new__(cls, *arguments, **keywords):
        own = list(inspect.signature(cls.__init__).parameters.values())[1:]
        if not any(p.kind is p.VAR_KEYWORD for p in own):
            names = [p.name for p in own if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
            refuse_unknown(cls.__name__, keywords, names, cls.keras_hints)
        return super().__new__(cls)
