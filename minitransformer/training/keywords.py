"""Unknown keywords are refused with the names that exist, and what to use in place of Keras's."""

import inspect

from minitransformer.checks import near_names


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
