"""Faults planted in the backward passes of layers and models, and the checks that detect them.

A method is checked in every layer and classifier of the ledger that runs it, starting with those
of its own class, then those with the fewest parameters. The checks are the gradient of every
parameter and input, the adding up of gradients (a second backward pass must double them), and, for
a classifier, the gradient that it returns.
"""

import ast
import functools
import importlib
import inspect
import pkgutil

import numpy as np

from minitransformer import gradcheck, layers
from minitransformer.layers import Layer
from minitransformer.models import (
    GPT,
    Transformer,
    TransformerClassifier,
    block_stack,
    classifier,
    gpt,
    sequence_model,
    transformer,
)
from minitransformer.verification import layer_builds, model_builds, scatter_parameters
from tests.support.mutations import tree_of

ROUNDS = 3  # random shapes of each layer that a mutant has to survive
# Others show the same, and need no minute: FeedForward's relu, blocks that stand alone.
LEFT_OUT = {
    "classifier, relu", "GPT, plain functions only", "GPT, as Llama", "Transformer, dropout",
    "Transformer, post norm", "Transformer, tiled attention, silu, as Marian",
}  # fmt: skip


@functools.cache
def _classes():
    names = [module.name for module in pkgutil.iter_modules(layers.__path__)]
    modules = [importlib.import_module(f"minitransformer.layers.{name}") for name in names]
    return [
        value
        for module in (*modules, block_stack, classifier, gpt, sequence_model, transformer)
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, (Layer, block_stack.BlockStack))
        and value.__module__ == module.__name__
        and value is not Layer
    ]


def _functions(cls):
    return [f for f in vars(cls).values() if inspect.isfunction(f)]


@functools.cache
def methods():
    """Every backward method of the layers and the classifier, and what only they use."""
    own = [f for cls in _classes() for f in _functions(cls)]
    only = _reached("backward", own) - _reached("forward", own)
    return frozenset(f for f in own if f.__name__ in only)


def _reached(name, own):
    """Names of all methods that are called from those called `name`, directly or not."""
    found, todo, names = set(), [name], {f.__name__ for f in own}
    while todo:
        current = todo.pop()
        if current not in found:
            found.add(current)
            bodies = [tree_of(f) for f in own if f.__name__ == current]
            mentioned = {
                n.attr for body in bodies for n in ast.walk(body) if isinstance(n, ast.Attribute)
            }
            todo += mentioned & names
    return found


def parts(layer):
    """A layer and all layers in it."""
    yield layer
    for value in vars(layer).values():
        for member in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(member, Layer):
                yield from parts(member)


@functools.cache
def _builds():
    """(size, name, build, the methods of all its parts), smallest first."""
    found = []
    for name, build in (layer_builds() | model_builds()).items():
        if name not in LEFT_OUT:
            layer = build(np.random.default_rng(0))[0]
            size = sum(parameter.size for parameter in layer.parameters().values())
            classes = {cls for part in parts(layer) for cls in type(part).__mro__}
            used = {f for f in methods() if any(f in _functions(cls) for cls in classes)}
            found.append((size, name, build, used))
    return sorted(found, key=lambda row: row[:2])


def seen(method):
    """What the checks hold against a method as it is now, in words, or None."""
    own = method.__qualname__.split(".")[0]
    if own in RETURNED and (words := _returned_gradient(own)):
        return words
    for i in range(ROUNDS):
        for _, name, build, used in sorted(_builds(), key=lambda row: not row[1].startswith(own)):
            if method in used:
                words = _wrong(name, build, np.random.default_rng([13, i]))
                if words:
                    return f"{name}, shape {i}: {words}"
    return None


def baseline():
    """What the checks hold against the layers as they are, one shape each; must be nothing."""
    rng = np.random.default_rng(13)
    found = [f"{name}: {words}" for _, name, build, _ in _builds()
             if (words := _wrong(name, build, rng))]  # fmt: skip
    return found + [words for own in RETURNED if (words := _returned_gradient(own))]


def _wrong(name, build, rng):
    layer, inputs, arguments = build(rng)
    try:
        report = gradcheck.check_layer(
            layer,
            inputs,
            analytic=not name.endswith(" relu"),
            rng=rng,
            entries=0,
            diagnose=False,
            **arguments,
        )
    except Exception as error:  # a mutant may fail in any way whatever
        return type(error).__name__
    return None if report.ok else f"wrong gradient of {report.failed[0].name}"


def _returned_gradient(own):
    """With distinct ids, each row of the table's gradient is what a token's vector got."""
    try:
        return RETURNED[own]()
    except Exception as error:  # as above
        return type(error).__name__


SIZES = {"max_len": 6, "d_model": 4, "n_heads": 2, "d_ff": 3, "n_layers": 1, "dropout": 0.0,
         "dtype": "float64"}  # fmt: skip
IDS = np.array([[3, 1, 5], [0, 2, 4]])


def _compared(model, *pairs, inputs=(IDS,)):
    """Run both passes; `pairs` are an embedding, and the number of a returned gradient."""
    scatter_parameters(model, np.random.default_rng(0))
    logits, cache = model.forward(*inputs)
    returned = model.backward(np.random.default_rng(1).standard_normal(logits.shape), cache)
    returned = returned if isinstance(returned, tuple) else (returned,)
    same = [
        np.array_equal(embedding.W.grad[ids], gradient * embedding.scale)
        for (embedding, ids), gradient in zip(pairs, returned, strict=True)
    ]
    return None if all(same) else "wrong gradient of the embedded tokens"


def _of_the_classifier():
    model = TransformerClassifier(6, 2, **SIZES)
    return _compared(model, (model.embedding, IDS))


def _of_gpt():
    model = GPT(vocab_size=6, tied=False, **SIZES)
    return _compared(model, (model.embedding, IDS))


def _of_the_transformer():
    model = Transformer(vocab_size=6, tied=False, **SIZES)
    tables = (model.source_embedding, IDS), (model.target_embedding, IDS[:, ::-1])
    return _compared(model, *tables, inputs=(IDS, IDS[:, ::-1]))


RETURNED = {
    "TransformerClassifier": _of_the_classifier, "GPT": _of_gpt,
    "SequenceModel": _of_the_transformer, "Transformer": _of_the_transformer,
}  # fmt: skip
