"""All parameters of a model in one array, and all gradients in another."""

from minitransformer.backend import array_module, to_device
from minitransformer.layers.parameters import fitting


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
        Allocated on first access. Setting `values` or `grads` copies into the existing array.
    slices : dict of str to slice
        The slice of each parameter in both arrays.
    """

    def __init__(self, parameters, values=None):
        self.parameters = parameters
        self.slices, self._grads, start = {}, None, 0
        for name, parameter in parameters.items():
            parameter._grad, parameter._flat = None, self
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
                parameter.use(own)
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
        self._values = values
        for name, view in self.views(values).items():
            self.parameters[name].use(view)

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

    def check_parameters(self, parameters):
        """Refuse a model in which a parameter was replaced, added or removed.

        Parameters
        ----------
        parameters : dict of str to Parameter
            The parameters that the model has now.

        Raises
        ------
        ValueError
            If they are not the ones whose values and gradients are in these arrays.
        """
        for name in self.parameters | parameters:
            if self.parameters.get(name) is not parameters.get(name):
                raise ValueError(
                    f"the parameter {name!r} must be the one that the model was made with, but it "
                    "was replaced, added or removed: write numbers into its array (layer.W.value "
                    "= array), or make another model"
                )
        if list(parameters) != list(self.parameters):
            raise ValueError("the layers must be in the order in which the model was made")

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
            self.parameters[name]._grad = view

    @property
    def values(self):
        return self._values

    @values.setter
    def values(self, array):
        if array is not self._values:  # it is at the end of ``values += array``
            self._values[...] = fitting("flat.values", array, self._values, finite=True)

    @property
    def grads(self):
        if self._grads is None:
            self.allocate_grads()
        return self._grads

    @grads.setter
    def grads(self, array):
        if array is not self._grads:
            self.grads[...] = fitting("flat.grads", array, self.grads, finite=False)

    def zero_grad(self):
        """Set every gradient to zero."""
        if self._grads is not None:
            self._grads.fill(0)
