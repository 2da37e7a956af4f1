"""How a cache is printed: as a tree of names and shapes, not as thousands of numbers."""


def by_shape(cls):
    """Decorate a cache, a NamedTuple: ``print(cache)`` shows the name and the shape of each field.

    The fields themselves are as before: ``cache.blocks[0].attention.P`` is an array.
    """
    cls.__repr__ = tree
    return cls


def tree(cache):
    """The fields of a cache, one per line; those of a cache in it are indented."""
    return "\n".join([type(cache).__name__, *_lines(cache, "  ")])


def _lines(cache, indent):
    for name, value in zip(cache._fields, cache, strict=True):
        yield from _field(name, value, indent)


def _field(name, value, indent):
    if hasattr(value, "_fields"):
        yield f"{indent}{name}: {type(value).__name__}"
        yield from _lines(value, indent + "  ")
    elif isinstance(value, (tuple, list)) and any(hasattr(part, "shape") for part in value):
        yield f"{indent}{name}: " + ", ".join(map(_shape, value))
    elif isinstance(value, (tuple, list)) and value:
        for i, part in enumerate(value):
            yield from _field(f"{name}[{i}]", part, indent)
    else:
        yield f"{indent}{name}: {_shape(value)}"


def _shape(value):
    return f"{value.shape} {value.dtype}" if hasattr(value, "dtype") else repr(value)
