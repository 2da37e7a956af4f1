"""The API reference: one page per package, with the names that it exports."""

import importlib
import inspect

# In the order in which they are read; a name is described in the first package that exports it.
PACKAGES = (
    "functional", "layers", "models", "training", "gradcheck", "exercises", "interpret",
    "inference", "plots", "data", "storage", "fused", "runs",
)  # fmt: skip
ROOT = "minitransformer"


def offered(package):
    """The public names of a package: its ``__all__``, or what it defines without a leading _."""
    names = getattr(package, "__all__", None)
    if names is None:
        names = [
            name for name, value in vars(package).items()
            if not name.startswith("_") and not inspect.ismodule(value)
            and getattr(value, "__module__", "").startswith(package.__name__)
        ]  # fmt: skip
    return sorted(names, key=str.lower)


def entry(name, value):
    """The directive that describes one name."""
    if inspect.isclass(value):
        members = "" if issubclass(value, tuple) else "\n   :members:"
        return f".. autoclass:: {name}{members}\n"
    if inspect.isfunction(value):
        return f".. autofunction:: {name}\n"
    return f".. py:data:: {name}\n\n   {described(value)}\n"


def described(value):
    """A constant in one line: its value, its keys, or the first words of its docstring."""
    if isinstance(value, dict):
        return f"A dictionary with the keys {', '.join(f'``{key}``' for key in value)}."
    if isinstance(value, str | int | float):
        return f"``{value!r}``"
    return inspect.getdoc(value).partition("\n\n")[0].replace("\n", " ")


def page(name):
    """The page of one package; names that an earlier page describes are only listed."""
    package = importlib.import_module(f"{ROOT}.{name}")
    values = {n: getattr(package, n) for n in offered(package)}
    words = ["", name, "=" * len(name), "", f".. automodule:: {ROOT}.{name}", ""]
    words += [*summary(name), "In detail", "-" * 9, ""]
    words += [entry(n, v) for n, v in values.items() if not described_before(name, v)]
    return "\n".join(words)


def described_before(name, value):
    """Whether an earlier package exports this class or function too."""
    earlier = PACKAGES[: PACKAGES.index(name)]
    packages = [importlib.import_module(f"{ROOT}.{package}") for package in earlier]
    named = inspect.isclass(value) or inspect.isroutine(value)
    return named and any(value is getattr(p, n) for p in packages for n in offered(p))


def index():
    """The first page of the reference: every public name, with the first line about it."""
    title = "API reference"
    words = [
        title, "=" * len(title), "",
        "Every public name. The page of each package gives their shapes, errors and sources. The "
        "Keras-like classes of ``minitransformer`` itself, such as "
        ":class:`~minitransformer.models.TransformerClassifier`, are described in the package that "
        "defines them.", "",
    ]  # fmt: skip
    for name in PACKAGES:
        words += [name, "-" * len(name), "", about(name), f"(:doc:`in detail <{name}>`)", ""]
        words += summary(name)
    words += ["", ".. toctree::", "   :hidden:", "", *(f"   {name}" for name in PACKAGES), ""]
    return "\n".join(words)


def about(name):
    """The first sentence of a package's docstring, on one line."""
    first = inspect.getdoc(importlib.import_module(f"{ROOT}.{name}")).partition("\n\n")[0]
    return first.replace("\n", " ")


def summary(name):
    """A table with one line for each function and class of a package."""
    package = importlib.import_module(f"{ROOT}.{name}")
    values = {n: getattr(package, n) for n in offered(package)}
    shown = [n for n, v in values.items() if inspect.isroutine(v) or inspect.isclass(v)]
    return [
        f".. currentmodule:: {ROOT}.{name}", "", ".. autosummary::", "   :nosignatures:", "",
        *(f"   {n}" for n in shown), "",
    ]  # fmt: skip
