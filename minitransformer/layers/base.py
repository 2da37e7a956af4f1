"""The base of all layers: parameters, a forward pass that returns a cache, a backward pass."""

import inspect
import pkgutil
import types

import numpy as np

from minitransformer.backend import to_device
from minitransformer.layers.flat import FlatParameters
from minitransformer.layers.parameters import Parameter, fitting, unknown_attribute


class _Sealed(type):
    """Notes that the `__init__` of a layer is done: from then on, no new attribute may be set."""

    def __call__(cls, *args, **options):
        layer = super().__call__(*args, **options)
        vars(layer)["_complete"] = True
        return layer

    @property
    def __signature__(cls):
        """The parameters of `__init__`; `inspect` would find those of `__call__` above."""
        _, *rest = inspect.signature(cls.__init__).parameters.values()
        return inspect.Signature(rest)


class Layer(metaclass=_Sealed):
    """Parameters, and calls into level 1.

    A layer stores nothing between calls: only the cache records a call. So a layer may be used
    twice, tied, or replicated for several workers, with the backward passes in any order.

    A layer can be pickled and copied with `copy.deepcopy`. Tied parameters stay tied.

    Raises
    ------
    AttributeError
        If an attribute is set that the layer does not have after its `__init__`, unless its name
        begins with an underscore.
    TypeError
        If a parameter is replaced by an array: set its `value`.
    """

    def __setattr__(self, name, value):
        is_new = "_complete" in vars(self) and not name.startswith("_") and not hasattr(self, name)
        if is_new or name in ("trainable", "requires_grad"):
            raise unknown_attribute(self, name)
        if isinstance(vars(self).get(name), Parameter) and hasattr(value, "dtype"):
            raise TypeError(
                f"{name} must be a Parameter, got an array: write it into the parameter, "
                f"{name}.value = array"
            )
        super().__setattr__(name, value)

    def __getstate__(self):
        # Modules cannot be pickled, so their names are stored. `flat` is made anew from the
        # parameters.
        has_flat = isinstance(vars(self).get("flat"), FlatParameters)
        state = {n: v for n, v in vars(self).items() if not (has_flat and n == "flat")}
        modules = {n: v.__name__ for n, v in state.items() if isinstance(v, types.ModuleType)}
        return state | modules, list(modules), has_flat

    def __setstate__(self, state):
        attributes, modules, has_flat = state
        vars(self).update(attributes)
        vars(self).update((name, pkgutil.resolve_name(attributes[name])) for name in modules)
        if has_flat:
            vars(self)["flat"] = FlatParameters.gather(self.parameters())

    def __copy__(self):
        twin = type(self).__new__(type(self))
        vars(twin).update(vars(self))
        return twin

    def forward(self, x, *, mask=None, rng=None):
        """Compute the layer's output, and the values that its backward pass needs.

        Parameters
        ----------
        x : array
        mask : bool array, optional
            Only attention uses it: True = may attend.
        rng : Generator, optional
            Dropout is on exactly when a generator is passed.

        Returns
        -------
        y : array
        cache : NamedTuple
            Every intermediate value, by name.
        """
        raise NotImplementedError(f"{type(self).__name__} has no forward pass")

    def backward(self, dy, cache):
        """Add to the `grad` of each parameter, and return the gradient of each input."""
        raise NotImplementedError(f"{type(self).__name__} has no backward pass")

    def __call__(self, *inputs, **kwargs):
        """Inference: the forward pass without its cache."""
        return self.forward(*inputs, **kwargs)[0]

    def parameters(self):
        """The parameters by dotted name, in order of definition. A tied parameter appears once.

        Returns
        -------
        dict of str to Parameter
        """
        found = {}
        seen = set()
        for name, parameter in _walk(self, ""):
            if id(parameter) not in seen:
                seen.add(id(parameter))
                found[name] = parameter
        return found

    def count_params(self):
        """Number of parameters; a tied one counts once."""
        return sum(parameter.size for parameter in self.parameters().values())

    def get_weights(self):
        """Copies of the parameters' values on the host, in the order of :meth:`parameters`.

        Returns
        -------
        list of array
        """
        return [np.array(to_device(p.value, "numpy")) for p in self.parameters().values()]

    def set_weights(self, weights):
        """Replace the values of all parameters.

        Parameters
        ----------
        weights : list of array
            As from :meth:`get_weights`.

        Raises
        ------
        ValueError
            If the number of arrays or a shape is wrong, or a number is NaN or infinite. In that
            case, nothing has changed.
        """
        parameters = self.parameters()
        if len(weights) != len(parameters):
            raise ValueError(
                f"weights must be {len(parameters)} arrays, one per parameter, got {len(weights)}"
            )
        arrays = [
            fitting(f"the weights of {name!r}", array, parameter.value, finite=True)
            for (name, parameter), array in zip(parameters.items(), weights, strict=True)
        ]
        for parameter, array in zip(parameters.values(), arrays, strict=True):
            parameter.value[...] = array

    def to(self, device):
        """Move the layer, but not the caches of earlier calls, to "numpy" (the host) or "cupy".

        Raises
        ------
        ValueError
            If the device cannot be used. The message says why, and nothing is moved.
        """
        flat = getattr(self, "flat", None)
        if isinstance(flat, FlatParameters):
            flat.to(device)
        _move(self, device, set() if flat is None else {id(p) for p in flat.parameters.values()})
        return self

    def replica(self):
        """A copy of the layer that shares its values and has its own gradients."""
        twin = _replicate(self, {})
        if isinstance(getattr(self, "flat", None), FlatParameters):
            twin.flat = FlatParameters(twin.parameters(), values=self.flat.values)
        return twin


def _walk(layer, prefix):
    """The parameters of `layer` and of the layers in it, with their dotted names."""
    for name, value in vars(layer).items():
        members = enumerate(value) if isinstance(value, (list, tuple)) else [(None, value)]
        for i, member in members:
            path = prefix + name if i is None else f"{prefix}{name}.{i}"
            if isinstance(member, Parameter):
                yield path, member
            elif isinstance(member, Layer):
                yield from _walk(member, path + ".")


def _move(layer, device, done):
    """Move the parameters and tables of `layer` and of the layers in it, except those `done`."""
    for name, value in vars(layer).items():
        if hasattr(value, "dtype") and getattr(value, "ndim", 0):
            setattr(layer, name, to_device(value, device))
        for member in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(member, Layer):
                _move(member, device, done)
            elif isinstance(member, Parameter) and id(member) not in done:
                done.add(id(member))
                member.use(to_device(member.value, device))
                member._grad = None if member._grad is None else to_device(member._grad, device)


def _replicate(value, seen):
    """Copy the tree of layers and parameters, and share everything else."""
    if isinstance(value, (list, tuple)) and any(isinstance(v, (Layer, Parameter)) for v in value):
        return type(value)(_replicate(v, seen) for v in value)
    if not isinstance(value, (Layer, Parameter)):
        return value
    if id(value) not in seen:
        if isinstance(value, Parameter):
            seen[id(value)] = Parameter(value.value)
        else:
            twin = seen[id(value)] = value.__copy__()
            for name, member in vars(value).items():
                setattr(twin, name, _replicate(member, seen))
    return seen[id(value)]


def generator(rng):
    """A NumPy generator from a generator or a seed: initial weights are drawn on the host."""
    return np.random.default_rng(rng)
