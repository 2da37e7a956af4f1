"""Learned arrays, each with its gradient."""

import numpy as np

from minitransformer.backend import array_module, is_cupy, to_device


def unknown_attribute(owner, name):
    """The AttributeError for setting `name`, which `owner` does not have."""
    return AttributeError(
        f"a {type(owner).__name__} has no attribute {name!r} to set. Parameters cannot be frozen "
        "yet: `trainable` and `requires_grad` do not exist, and training changes every parameter"
    )


class Parameter:
    """A learned array, and the gradient accumulated for it.

    Setting `value` or `grad` copies numbers into the existing array, because in a model that array
    is a part of the array of all parameters. A `grad` of None sets the gradient to zero.

    Parameters
    ----------
    value : array
        The initial value. The array itself is used.

    Attributes
    ----------
    value : array
    grad : array of the shape of `value`
        Allocated and set to zero on first access, so inference needs no memory for it.

    Raises
    ------
    AttributeError
        If any other attribute is set.
    TypeError
        If the initial value is not an array.
    ValueError
        If what is set has another shape or is not real numbers, or a value is NaN or infinite. In
        that case, nothing has changed.
    """

    __slots__ = ("__weakref__", "_flat", "_grad", "value")

    def __init__(self, value):
        if not hasattr(value, "dtype"):
            raise TypeError(
                f"value must be a NumPy or CuPy array, got {type(value).__name__}: {value!r:.50}"
            )
        self.use(value)
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
        if array is self._grad and array is not None:
            return  # the end of ``grad += array``
        if array is not None:
            self._copy("gradient", array, self.grad, finite=False)
        elif self._grad is not None:
            self._grad[...] = 0

    def use(self, array):
        """Use `array` itself as the value, without a copy.

        In a model, the value is then no longer a part of the array of all parameters, unless
        `array` shares its memory: training and `save` use the old one. This is for tools that
        restore the old array, like the gradient checker.
        """
        object.__setattr__(self, "value", array)

    def _copy(self, kind, array, own, *, finite):
        """Copy `array` into `own`, after it has been checked."""
        named = {} if self._flat is None else self._flat.parameters
        name = next((f" of {name!r}" for name, other in named.items() if other is self), "")
        own[...] = fitting(f"the {kind}{name}", array, own, finite=finite)

    def __repr__(self):
        return f"Parameter(shape={self.shape}, dtype={self.value.dtype})"

    def __setattr__(self, name, value):
        if name == "value":
            if value is not self.value:  # it is at the end of ``value += array``
                self._copy("value", value, self.value, finite=True)
        elif hasattr(Parameter, name):
            super().__setattr__(name, value)
        else:
            raise unknown_attribute(self, name)

    def __getstate__(self):
        return self.value, self._grad

    def __setstate__(self, state):
        # A copy is on its own; a copied model gathers its parameters again, see `Layer`.
        value, self._grad = state
        self.use(value)
        self._flat = None


def fitting(what, array, own, *, finite):
    """`array` where `own` is, NumPy or CuPy, after its shape and numbers have been checked.

    Parameters
    ----------
    what : str
        What `array` is, for the message.
    array : array or list
    own : array
        The array that the numbers are for.
    finite : bool
        Whether NaN and infinite numbers are refused.

    Raises
    ------
    ValueError
        If `array` has another shape than `own`, or contains what it must not.
    """
    try:
        array = array if is_cupy(array) else np.asarray(array)
    except ValueError:
        raise ValueError(f"{what} must have shape {own.shape}, got rows that differ") from None
    if array.shape != own.shape:
        raise ValueError(f"{what} must have shape {own.shape}, got {array.shape}")
    numbers = "finite numbers" if finite else "real numbers"
    if array.dtype.kind not in "iuf":
        raise ValueError(f"{what} must be {numbers}, got {array.dtype}")
    with np.errstate(over="ignore"):  # a number too large for the dtype becomes infinite
        array = to_device(array.astype(own.dtype, copy=False), array_module(own).__name__)
    if finite and not array_module(array).isfinite(array).all():
        raise ValueError(f"{what} must be {numbers}, got NaN or a number that is too large")
    return array
