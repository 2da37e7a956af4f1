"""The base class of the optimisers: flat state arrays, checks of them, and the loop over blocks.

The arrays are processed block by block. One block of every array involved fits in the processor's
cache, so each number is read from memory once per step, no matter how many operations the formula
has. The only temporary arrays are two scratch blocks per worker.
"""

import numpy as np

from minitransformer.backend import array_module, to_device
from minitransformer.checks import check_number
from minitransformer.training.keywords import NamedArguments

# Elements in a block: six float32 arrays of this length take 1.5 MiB. Smaller blocks would fit in
# the second-level cache, but threads would then pass Python's lock to each other too often.
BLOCK = 65_536


def one_part(size, work):
    """Call ``work(slice)`` once, on everything; a pool's ``share_out`` divides it among workers."""
    work(slice(0, size))


def blocks(xp, size):
    """Slices that cover an array of `size`: cache-sized on the CPU, a single one on a device."""
    block = BLOCK if xp is np else max(size, 1)
    return [slice(start, start + block) for start in range(0, size, block)]


class Optimizer(NamedArguments):
    """An optimiser that works in place on the flat array of all parameters.

    A subclass names its state arrays in `slots` and implements its equation in :meth:`update`.

    Parameters
    ----------
    learning_rate : float
        Step size, > 0. A schedule multiplies it.

    Attributes
    ----------
    learning_rate : float
        Can be set at any time, also in a callback; >= 0.
    t : int
        Number of steps taken.
    """

    keras_hints = {
        "beta_1": "it is called beta1",
        "beta_2": "it is called beta2",
        "epsilon": "it is called eps",
        "lr": "it is called learning_rate",
        "clipnorm": "use compile(clip=...)",
        "global_clipnorm": "use compile(clip=...)",
        "clipvalue": "use compile(clip=...), which limits the norm",
        "use_ema": "use compile(average=...)",
        "weight_decay": "use AdamW, or compile(l2=...)",
    }
    slots = ()
    kernel = None  # name of the update in `ops`, which may have it as a single kernel for a device

    def __init__(self, learning_rate):
        self.learning_rate = check_number("learning_rate", learning_rate, above=0)
        self.t = 0
        self._arrays = {}

    def __setattr__(self, name, value):
        if name == "lr":
            raise AttributeError("an optimiser has no attribute 'lr': set learning_rate")
        if name == "learning_rate":
            value = check_number(name, value, 0)
        super().__setattr__(name, value)

    def config(self):
        """Name and hyperparameters, as a dict that JSON can store."""
        hyper = {k: v for k, v in vars(self).items() if not k.startswith("_") and k != "t"}
        return {"name": type(self).__name__.lower(), **hyper}

    def fresh(self):
        """A copy with the same hyperparameters and no state."""
        other = type(self).__new__(type(self))
        vars(other).update(vars(self), t=0, _arrays={})
        return other

    def step(
        self, values, grads, learning_rate=None, decay=None, share_out=one_part, ops=None
    ):  # fmt: skip
        """Take one step in place.

        Parameters
        ----------
        values : (n,) array, float32 or float64
            Parameters; overwritten.
        grads : (n,) array
            Gradient of the loss, of the same dtype; not changed.
        learning_rate : float, optional
            Rate of this step; by default the optimiser's own.
        decay : (n,) array of bool, optional
            Where decoupled weight decay acts; everywhere by default. Only AdamW has weight decay.
        share_out : callable
            ``share_out(n, work)`` calls ``work(slice)`` for parts of 0..n, in parallel if possible;
            see :meth:`~minitransformer.training.parallel.workers.WorkerPool.share_out`. The bits of
            the result do not depend on how 0..n is divided into parts.
        ops : module, optional
            The model's functions. On a device, ``ops.optimizer_kernel`` is used if it exists.

        Raises
        ------
        TypeError, ValueError
            If the arrays do not fit each other or the optimiser's state.
        """
        rate = self.learning_rate if learning_rate is None else float(learning_rate)
        xp = array_module(values, grads)
        self._check(values, grads, decay)
        if len(self._arrays) != len(self.slots):
            self._arrays = {name: xp.zeros_like(values) for name in self.slots}
        self.t += 1
        find = None if xp is np else getattr(ops, "optimizer_kernel", None)
        kernel = find(self.kernel) if find else None

        def work(part):
            length = part.stop - part.start
            # On a device each operation is a kernel launch, so one block contains everything.
            block = min(BLOCK, length) if xp is np else length
            buffers = xp.empty((2, block), values.dtype)
            for start in range(part.start, part.stop, max(block, 1)):
                here = slice(start, min(start + block, part.stop))
                theta, scratch = values[here], buffers[:, : here.stop - here.start]
                state = [self._arrays[name][here] for name in self.slots]
                self.shrink(xp, theta, rate, scratch[0], None if decay is None else decay[here])
                if kernel is None:
                    self.update(xp, theta, grads[here], rate, scratch, *state)
                else:
                    kernel(theta, grads[here], *state, **self.numbers(rate))

        share_out(values.size, work)

    def update(self, xp, theta, g, rate, scratch, *state):
        """The optimiser's equation on one block; `theta` and the `state` arrays change in place."""
        raise NotImplementedError

    def numbers(self, rate):
        """The numbers that the kernel of the update takes in addition to its arrays, by name."""
        raise NotImplementedError

    def shrink(self, xp, theta, rate, scratch, decay):
        """Decoupled weight decay on one block, before the update; by default none."""

    def state(self):
        """State as a dict: `t` and the state arrays by name (the arrays themselves, not copies)."""
        return {"t": self.t, **self._arrays}

    def load_state(self, state):
        """Restore a state that :meth:`state` returned; its arrays are copied.

        Raises
        ------
        ValueError
            If the names are not those of this optimiser.
        """
        arrays = {name: value for name, value in state.items() if name != "t"}
        if "t" not in state or (set(arrays) != set(self.slots) and (arrays or state["t"])):
            raise ValueError(
                f"state of {type(self).__name__} must have the names {['t', *self.slots]}, "
                f"got {sorted(state)}"
            )
        self.t = int(state["t"])
        self._arrays = {name: array.copy() for name, array in arrays.items()}

    def to(self, device):
        """Move the state to a device, "numpy" or "cupy"."""
        self._arrays = {name: to_device(array, device) for name, array in self._arrays.items()}

    def _check(self, values, grads, decay):
        if values.ndim != 1 or values.dtype not in (np.float32, np.float64):
            raise TypeError(
                "values must be a flat float32 or float64 array, "
                f"got {values.dtype} of shape {values.shape}"
            )
        if grads.shape != values.shape or grads.dtype != values.dtype:
            raise ValueError(
                f"grads must be {values.dtype} of shape {values.shape} like values, "
                f"got {grads.dtype} of shape {grads.shape}"
            )
        if decay is not None and (decay.dtype != bool or decay.shape != values.shape):
            raise ValueError(
                f"decay must be boolean of shape {values.shape}, "
                f"got {decay.dtype} of shape {decay.shape}"
            )
        for name, array in self._arrays.items():
            if array.shape != values.shape or array.dtype != values.dtype:
                raise ValueError(
                    f"state {name!r} must be {values.dtype} of shape {values.shape} like values, "
                    f"got {array.dtype} of shape {array.shape}: "
                    "this optimiser was used with another model"
                )
