"""Learned arrays, one by one (`Parameter`) and all in one array (`FlatParameters`)."""

from minitransformer.backend import array_module, to_device


def unknown_attribute(owner, name):
    """The AttributeError for setting `name`, which `owner` does not have."""
    return AttributeError(
        f"a {type(owner).__name__} has no attribute {name!r} to set. Parameters cannot be frozen "
        "yet: `trainable` and `requires_grad` do not exist, and training changes every parameter"
    )


class Parameter:
    """A learned array, and the gradient accumulated for it.

    Attributes
    ----------
    value : array
    grad : array of the shape of `value`
        Allocated and set to zero on first access, so inference needs no memory for it.

    Raises
    ------
    AttributeError
        If any other attribute is set.
    """

    __slots__ = ("__weakref__", "_flat", "_grad", "value")

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

    def __setattr__(self, name, value):
        if not hasattr(Parameter, name):
            raise unknown_attribute(self, name)
        super().__setattr__(name, value)

    def __getstate__(self):
        return self.value, self._grad

    def __setstate__(self, state):
        # A copy is on its own; a copied model gathers its parameters again, see `Layer`.
        self.value, self._grad = state
        self._flat = None


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

    @classmethod
    def gather(cls, parameters):
        """The flat arrays of `parameters`, with the gradients that these have so far."""
        grads = None
        if any(parameter._grad is not None for parameter in parameters.values()):
            grads = [parameter.grad.ravel() for parameter in parameters.values()]
        flat = cls(parameters)
        if grads is not None:
            flat.use_grads(array_module(flat.values).concatenate(grads))
        return flat

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
