"""What every layer is: parameters, a forward pass that returns its cache, a backward pass."""

import copy

import numpy as np

from minitransformer.backend import array_module, to_device


class Parameter:
    """An array that is learned, and the gradient that has been added up for it.

    Attributes
    ----------
    value : array
    grad : array of the shape of `value`
        Allocated, and set to zero, when it is first asked for: inference does not pay for it.
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
    """Parameters and calls into level 1.

    Nothing is kept on the layer between calls: the cache is the whole memory of a call. A layer
    may so be used twice, tied, or by several workers' replicas, the backward passes in any order.
    """

    def forward(self, x, *, mask=None, rng=None):
        """Compute the layer's result, and what its backward pass needs.

        Parameters
        ----------
        x : array
        mask : bool array, optional
        rng : Generator, optional
            Dropout is on exactly when a generator is passed.

        Returns
        -------
        y : array
        cache : NamedTuple
            Every intermediate value under a name.
        """
        raise NotImplementedError(f"{type(self).__name__} has no forward pass")

    def backward(self, dy, cache):
        """Send `dy` back: adds to each parameter's `grad`, returns the gradient of each input."""
        raise NotImplementedError(f"{type(self).__name__} has no backward pass")

    def __call__(self, *inputs, **kwargs):
        """Inference: the forward pass, its cache dropped."""
        return self.forward(*inputs, **kwargs)[0]

    def parameters(self):
        """Parameters by dotted name, in order of definition; a tied one stands once.

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
        """Move everything to a device, "numpy" (the host) or "cupy"; returns the layer itself.

        Parameters, gradients and fixed tables are moved. Caches of earlier calls are not.

        Raises
        ------
        ValueError
            If there is no such device; the message says why, and nothing has moved.
        """
        flat = getattr(self, "flat", None)
        if isinstance(flat, FlatParameters):
            flat.to(device)
        _move(self, device, set() if flat is None else {id(p) for p in flat.parameters.values()})
        return self

    def replica(self):
        """The same layer with the same values, shared, and gradients of its own."""
        twin = _replicate(self, {})
        if isinstance(getattr(self, "flat", None), FlatParameters):
            twin.flat = FlatParameters(twin.parameters(), values=self.flat.values)
        return twin


def _walk(layer, prefix):
    """Parameters below `layer` with their dotted names."""
    for name, value in vars(layer).items():
        members = enumerate(value) if isinstance(value, (list, tuple)) else [(None, value)]
        for i, member in members:
            path = prefix + name if i is None else f"{prefix}{name}.{i}"
            if isinstance(member, Parameter):
                yield path, member
            elif isinstance(member, Layer):
                yield from _walk(member, path + ".")


def _move(layer, device, done):
    """Move the parameters below `layer` that are not `done`, and its other arrays."""
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
    """Copy the tree of layers; share everything that is neither layer nor parameter."""
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
    """All parameters of a model in one array, all gradients in another.

    One optimiser step, one norm for clipping and one checkpoint are then each one operation on
    one array. `value` and `grad` of each parameter become views.

    Parameters
    ----------
    parameters : dict of str to Parameter
        They are bound to the flat array: their values are copied into it.
    values : (n,) array, optional
        An array that already holds these parameters' values, to be shared.

    Attributes
    ----------
    values : (n,) array
    grads : (n,) array
        Allocated when it is first asked for.
    slices : dict of str to slice
        Where each parameter lies.
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
                # each one's own array goes as soon as it is read: all are never held twice
                own = values[self.slices[name]].reshape(parameter.shape)
                own[...] = parameter.value
                parameter.value = own
        self._bind(values)

    def _bind(self, values):
        """Make `values` (n,) the array whose views the parameters' values are."""
        self.values = values
        for name, view in self.views(values).items():
            self.parameters[name].value = view

    def to(self, device):
        """Move values and gradients; the parameters become views of the arrays there."""
        self._bind(to_device(self.values, device))
        if self._grads is not None:
            self.use_grads(to_device(self._grads, device))

    def views(self, array):
        """`array` (n,), laid out as the parameters are, as views by name."""
        return {
            name: array[where].reshape(self.parameters[name].shape)
            for name, where in self.slices.items()
        }

    def allocate_grads(self):
        """Make the gradients' array, all zero, and hand each parameter its view."""
        self.use_grads(array_module(self.values).zeros_like(self.values))

    def use_values(self, values):
        """Make `values` (n,) the values' array, as they are now; the gradients stay."""
        values[...] = self.values
        self._bind(values)

    def use_grads(self, grads):
        """Make `grads` (n,) the gradients' array: its dtype may be wider than the values'."""
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
    """`rng`, a generator or a seed, as a NumPy generator: initial weights are drawn on the host."""
    return np.random.default_rng(rng)
