"""The base of all layers: parameters, a forward pass that returns a cache, a backward pass."""

import copy

import numpy as np

from minitransformer.backend import array_module, to_device


class Parameter:
    """A learned array, and the gradient accumulated for it.

    Attributes
    ----------
    value : array
    grad : array of the shape of `value`
        Allocated and set to zero on first access, so inference needs no memory for it.
    """

    def __init__(self, value):
        self.value = value
        self._grad = None
        self._flat = None

    @property
    def shape(self):
        return self.value.shape

    @property
    def size(self):
        return self.value.size

    @property
    def grad(self):
        if self._grad is None and self._flat is not None:
            self._flat.allocate_grads()
        elif self._grad is None:
            self._grad = array_module(self.value).zeros_like(self.value)
        return self._grad

    @grad.setter
    def grad(self, array):
        self._grad = array

    def __repr__(self):
        return f"Parameter(shape={self.shape}, dtype={self.value.dtype})"


class Layer:
    """Parameters, and calls into level 1.

    A layer stores nothing between calls: only the cache records a call. So a layer may be used
    twice, tied, or replicated for several workers, with the backward passes in any order.
    """

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
                member.value = to_device(member.value, device)
                member.grad = None if member._grad is None else to_device(member._grad, device)


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
            twin = seen[id(value)] = copy.copy(value)
            for name, member in vars(value).items():
                setattr(twin, name, _replicate(member, seen))
    return seen[id(value)]


class FlatParameters:
    """All parameters of a model in one array, and all gradients in another.

    An optimiser step, the norm for clipping and a checkpoint then each take one operation on one
    array. The `value` and `grad` of each parameter become views.

    Parameters
    ----------
    parameters : dict of str to Parameter
        Their values are copied into the flat array, and then become views of it.
    values : (n,) array, optional
        An array that already contains the values of these parameters. It is shared, not copied.

    Attributes
    ----------
    values : (n,) array
    grads : (n,) array
        Allocated on first access.
    slices : dict of str to slice
        The slice of each parameter in both arrays.
    """

    def __init__(self, parameters, values=None):
        self.parameters = parameters
        self.slices, self._grads, start = {}, None, 0
        for name, parameter in parameters.items():
            parameter.grad, parameter._flat = None, self
            self.slices[name] = slice(start, start + parameter.size)
            start += parameter.size
        if values is None:
            values = next(iter(parameters.values())).value
            values = array_module(values).empty(start, values.dtype)
            for name, parameter in parameters.items():
                # Each array is freed as soon as it is copied, so two copies of all of them never
                # exist at once.
                own = values[self.slices[name]].reshape(parameter.shape)
                own[...] = parameter.value
                parameter.value = own
        self._bind(values)

    def _bind(self, values):
        """Make the parameters' values views of `values` (n,)."""
        self.values = values
        for name, view in self.views(values).items():
            self.parameters[name].value = view

    def to(self, device):
        """Move values and gradients to a device; the parameters become views of the new arrays."""
        self._bind(to_device(self.values, device))
        if self._grads is not None:
            self.use_grads(to_device(self._grads, device))

    def views(self, array):
        """Views of `array` (n,), one per parameter, by name."""
        return {
            name: array[where].reshape(self.parameters[name].shape)
            for name, where in self.slices.items()
        }

    def allocate_grads(self):
        """Allocate the gradients, all zero, and give each parameter its view."""
        self.use_grads(array_module(self.values).zeros_like(self.values))

    def use_values(self, values):
        """Copy the values into `values` (n,), and use that array from now on."""
        values[...] = self.values
        self._bind(values)

    def use_grads(self, grads):
        """Use `grads` (n,) for the gradients; its dtype may be wider than the values' dtype."""
        self._grads = grads
        for name, view in self.views(grads).items():
            self.parameters[name].grad = view

    @property
    def grads(self):
        if self._grads is None:
            self.allocate_grads()
        return self._grads

    def zero_grad(self):
        """Set every gradient to zero."""
        if self._grads is not None:
            self._grads.fill(0)


def generator(rng):
    """A NumPy generator from a generator or a seed: initial weights are drawn on the host."""
    return np.random.default_rng(rng)
