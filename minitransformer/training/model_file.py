"""A model's weights and configuration in one file that holds no code."""

import dataclasses
import inspect
import json

from minitransformer.backend import array_module, to_host
from minitransformer.checks import check_count, near_names
from minitransformer.storage.file_names import check_ending
from minitransformer.storage.finite import check_finite
from minitransformer.storage.json_text import strict_json
from minitransformer.storage.weights import check_arrays, load_arrays, save_arrays
from minitransformer.training.checkpoint import plain

FORMAT = "minitransformer model 1"
MAX_TABLE = 1 << 25  # numbers in a table of positions, which is not stored with the weights


def save_model(model, path):
    """Write the parameters by name, with class and configuration as metadata, atomically.

    The metadata also contain the attributes listed in `stored_ids` of the model's kind of examples;
    each is an id or None. Older files lack them, and loading such a file leaves them at None.

    Parameters
    ----------
    model : Trainable
        The model to save.
    path : path-like
        The file to write; its name may end in ``.safetensors``.

    Raises
    ------
    ValueError
        If a parameter of the model was replaced, added or removed, or the name of the file ends
        like another format, such as ``.h5`` or ``.keras``.
    """
    check_ending("path", path)
    model.flat.check_parameters(model.parameters())
    views = model.flat.views(model.flat.values)
    metadata = {
        "format": FORMAT,
        "class": type(model).__name__,
        "config": json.dumps(plain(model.config)),
    }
    ids = {name: getattr(model, name) for name in model.learns_from.stored_ids}
    if any(value is not None for value in ids.values()):
        metadata["kept"] = json.dumps(ids)
    save_arrays(path, {name: to_host(view) for name, view in views.items()}, metadata)


def load_model(path, classes):
    """Make a model from a file that :func:`save_model` wrote.

    Parameters
    ----------
    path : path-like
        The file.
    classes : list of type
        The classes that the model may have.

    Raises
    ------
    ValueError
        If the file was altered, does not contain a model, contains a model of another class, its
        arrays do not fit its configuration, or a weight is NaN or infinite.
    OSError
        If the file cannot be read.
    """
    arrays, metadata = load_arrays(path)
    cls = _class(path, metadata, classes)
    config = _config(cls, path, metadata)
    _check_sizes(cls, config, arrays, path)
    try:
        model = cls(**config)
    except (TypeError, ValueError, MemoryError) as error:
        raise ValueError(f"{path} has an impossible configuration: {error}") from error
    views = model.flat.views(model.flat.values)
    check_arrays(arrays, {name: (view.shape, view.dtype) for name, view in views.items()}, path)
    check_finite(arrays, path)
    xp = array_module(model.flat.values)
    for name, view in views.items():
        view[...] = xp.asarray(arrays[name])
    for name, value in _stored_ids(model, path, metadata).items():
        setattr(model, name, value)
    return model


def _check_sizes(cls, config, arrays, path):
    """Refuse sizes that the stored arrays cannot have, before arrays of these sizes are made."""
    stored = sum(array.size for array in arrays.values())
    for name, value in config.items():
        # A size larger than the file's arrays would only waste memory; the seed is not a size.
        if name != "seed" and isinstance(value, int) and value > max(stored, 1 << 20):
            raise ValueError(f"{path}: {name} = {value} does not fit {stored} stored numbers")
        if name.endswith("layers") and isinstance(value, int) and value > len(arrays):
            raise ValueError(f"{path}: {name} = {value} does not fit {len(arrays)} stored arrays")
    if "Config" not in vars(cls):
        return
    try:
        sizes = cls.Config(**config)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path} has an impossible configuration: {error}") from error
    if sizes.fewest_parameters() > stored:
        raise ValueError(
            f"{path}: its configuration is that of a model with more than "
            f"{sizes.fewest_parameters():,} parameters, but {stored:,} numbers are stored"
        )
    if sizes.largest_table() > max(stored, MAX_TABLE):
        raise ValueError(f"{path}: max_len = {sizes.max_len} does not fit {stored} stored numbers")


def _stored_ids(model, path, metadata):
    """Check that the ids in `metadata` are ids of this model; return them by attribute."""
    try:
        ids = strict_json(metadata.get("kept", "{}"))
        for name, value in ids.items():
            known = model.learns_from.stored_ids
            if name not in known:
                raise ValueError(f"unknown id {name!r}; {near_names(name, known)}")
            if value is not None and check_count(name, value, 0) >= model.n_classes:
                raise ValueError(f"{name} must lie in 0..{model.n_classes - 1}, got {value}")
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"{path} stores an id that its model does not have: {error}") from None
    return ids


def _class(path, metadata, classes):
    """The class, one of `classes`, of the model with this `metadata`."""
    if metadata.get("format") != FORMAT:
        raise ValueError(f"{path} is not a model that minitransformer saved")
    name = metadata.get("class")
    for cls in classes:
        if cls.__name__ == name:
            return cls
    if len(classes) == 1:
        way_out = f"not a {classes[0].__name__}: load it with {name}.load"
    else:
        way_out = f"a class that is unknown here: give custom_objects={{{name!r}: {name}}}"
    raise ValueError(f"{path} holds a {name}, {way_out}")


def _config(cls, path, metadata):
    """Check that `cls` understands the configuration in `metadata`, and return it."""
    try:
        config = strict_json(metadata["config"])
        unknown = sorted(set(config) - (known := _settings(cls)))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} has no readable configuration: {error}") from None
    if unknown or not isinstance(config, dict):
        name = unknown[0] if unknown else config
        raise ValueError(f"{path}: unknown setting {name!r}; {near_names(str(name), known)}")
    return config


def _settings(cls):
    """Names of the settings of a model: the fields of its `Config`, or its arguments."""
    if "Config" in vars(cls):
        return {field.name for field in dataclasses.fields(cls.Config)}
    arguments = inspect.signature(cls).parameters.values()
    names = {argument.name for argument in arguments if argument.kind != argument.VAR_KEYWORD}
    # a user's class passes `**settings` on to the class that it extends
    return names if len(names) == len(arguments) else names | _settings(cls.__base__)
