"""What the recurrent functions share: the order of the steps, the states before them, checks."""

from minitransformer.backend import array_module
from minitransformer.functional._checks import require_bool


def check_recurrence(x, W, U, biases, states, mask, gates):
    """Refuse arrays whose shapes do not fit together.

    Parameters
    ----------
    x : (B, T, D) array
    W, U : (D, G E) and (E, G E) arrays
    biases : dict of str to (G E,) array or None
    states : dict of str to (B, E) array or None
    mask : (B, T) bool array or None
    gates : int
        G, the number of gates.

    Raises
    ------
    TypeError
        If the mask is not boolean.
    ValueError
        If a shape does not fit.
    """
    if x.ndim != 3:
        raise ValueError(f"x must be (B, T, D), got shape {x.shape}")
    if U.ndim != 2 or U.shape[1] != gates * U.shape[0]:
        raise ValueError(
            f"U must be (E, {'' if gates == 1 else gates}E), one block for each gate, got shape "
            f"{U.shape}"
        )
    expected = {"W": (W, (x.shape[2], U.shape[1]))}
    expected |= {name: (b, U.shape[1:]) for name, b in biases.items()}
    expected |= {name: (h, (len(x), len(U))) for name, h in states.items()}
    expected["mask"] = mask, x.shape[:2]
    for name, (array, shape) in expected.items():
        if array is not None and array.shape != shape:
            raise ValueError(
                f"{name} must have shape {shape} to fit x {x.shape} and U {U.shape}, got "
                f"{array.shape}"
            )
    require_bool("mask", mask)


def order(length, reverse):
    """The steps in the order in which they are taken."""
    return range(length - 1, -1, -1) if reverse else range(length)


def initial(state, x, width):
    """The state before the first step, (B, E): zeros by default, and a copy otherwise."""
    if state is not None:
        return state.copy()
    return array_module(x).zeros((len(x), width), x.dtype)


def states_before(y, state, reverse):
    """The state before each step, (B, T, E): that of the step before it, and the initial one."""
    before = array_module(y).empty_like(y)
    first = initial(state, y, y.shape[2])[:, None]
    if reverse:
        before[:, :-1], before[:, -1:] = y[:, 1:], first
    else:
        before[:, 1:], before[:, :1] = y[:, :-1], first
    return before


def real(mask, t):
    """Whether each text has a token at step t, (B, 1); None without a mask."""
    return None if mask is None else mask[:, t, None]


def keep_where(real_now, new, old):
    """`new` where there is a token, and the old state where there is padding."""
    return new if real_now is None else array_module(new).where(real_now, new, old)


def rows(x):
    """x (B, T, D) as a matrix with a row for each step of each text."""
    return x.reshape(x.shape[0] * x.shape[1], x.shape[2])


def input_gradients(da, x, W):
    r"""The gradients of :math:`a = xW + b`, summed over all steps by one product each.

    Returns
    -------
    dx, dW, db
    """
    da_rows = rows(da)
    return (da_rows @ W.T).reshape(x.shape), rows(x).T @ da_rows, da_rows.sum(axis=0)


def state_gradient(du, before):
    r"""The gradient of U in :math:`u_t = h_{t-1} U`, summed over all steps by one product."""
    return rows(before).T @ rows(du)
