"""Write tests/support/cupy_surface.json: CuPy's names, and the keywords that each takes.

    python -m tests.support.make_cupy_surface

CuPy must be installed (``pip install cupy-cuda12x``), but no GPU is needed. The stand-in device of
the tests offers only what that file lists.
"""

import inspect
import json
import pathlib
import re

PATH = pathlib.Path(__file__).with_name("cupy_surface.json")
UFUNC_KEYWORDS = ["casting", "dtype", "out"]


def described(function):
    """The parameters of a callable, by its signature or by the first line of its docstring.

    Returns
    -------
    list of str
        ``"*"`` stands for any keyword.
    """
    try:
        parameters = inspect.signature(function).parameters.values()
        if any(p.kind is p.VAR_KEYWORD for p in parameters):
            return ["*"]
        return sorted(p.name for p in parameters if p.name != "self")
    except (TypeError, ValueError):
        line = (function.__doc__ or "").strip().partition("\n")[0]
        inside = re.search(r"\((.*)\)", line)
        words = inside.group(1).split(",") if inside else []
        names = [word.partition("=")[0].split()[-1] for word in words if word.strip()]
        return sorted(name for name in names if name != "self" and not name.startswith("*"))


def members(owner):
    """Public names of a module or class: parameters of what can be called, None of the rest."""
    found = {}
    for name in dir(owner):
        value = getattr(owner, name, None)
        if name.startswith("_") or inspect.ismodule(value):
            continue
        if type(value).__name__ == "ufunc":
            found[name] = UFUNC_KEYWORDS
        else:
            found[name] = described(value) if inspect.isroutine(value) else None
    return found


def surface():
    """Everything that is stored."""
    import cupy

    return {
        "version": cupy.__version__,
        "cupy": members(cupy),
        "ndarray": members(cupy.ndarray),
        "ufunc": members(type(cupy.add)),
        "Generator": members(cupy.random.Generator),
        "random": members(cupy.random),
    }


if __name__ == "__main__":
    PATH.write_text(json.dumps(surface(), indent=0, sort_keys=True) + "\n", encoding="utf-8")
