"""Pages of the API reference, one for each package, from the names that it offers."""

import importlib
import inspect

# In the order in which they are read; each name is described where it is offered first.
PACKAGES = (
    "functional", "layers", "models", "training", "gradcheck", "exercises", "interpret",
    "inference", "plots", "data", "storage", "fused",
)  # fmt: skip
ROOT = "minitransformer"


def offered(package):
    """The public names of a package: what ``__all__`` says, or what it defines without _."""
    names = getattr(package, "__all__", None)
    if names is None:
        names = [
            name for name, value in vars(package).items()
            if not name.startswith("_") and not inspect.ismodule(value)
            and getattr(value, "__module__", "").startswith(package.__name__)
        ]  # fmt: skip
    return sorted(names, key=str.lower)


def entry(dotted, value):
    """The directive that describes one name."""
    if inspect.isclass(value):
        members = "" if issubclass(value, tuple) else "\n   :members:"
        return f".. autoclass:: {dotted}{members}\n"
    if callable(value) and hasattr(value, "__name__"):
        return f".. autofunction:: {dotted}\n"
    return f".. autodata:: {dotted}\n   :no-value:\n"


def page(name):
    """The page of one package, or None where there is no such package."""
    try:
        package = importlib.import_module(f"{ROOT}.{name}")
    except ModuleNotFoundError:
        return None
    title = f"{ROOT}.{name}"
    words = ["", title, "=" * len(title), "", f".. automodule:: {title}", ""]
    names = offered(package)
    words += [".. autosummary::", "   :nosignatures:", ""]
    words += [f"   {title}.{n}" for n in names]
    words += ["", "Each in full", "-" * 12, ""]
    words += [entry(f"{title}.{n}", getattr(package, n)) for n in names]
    return "\n".join(words)


def index(pages):
    """The first page of the reference."""
    title = "API reference"
    words = [
        title, "=" * len(title), "",
        "Every public name, with its shapes, its errors and its source. The Keras-like classes of "
        "``minitransformer`` itself, such as :class:`~minitransformer.models.TransformerClassifier`"
        ", are described in the package that they come from.", "",
        ".. toctree::", "   :maxdepth: 1", "",
    ]  # fmt: skip
    return "\n".join([*words, *(f"   {page}" for page in pages), ""])
