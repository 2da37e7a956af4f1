"""Wrong derivatives of functions of each entry alone."""

import numpy as np

from tests.support.wrong_backwards.common import P, Q, X, Y, case, sig

C = np.sqrt(2 / np.pi)


def gelu(x):
    return 0.5 * x * (1 + np.tanh(C * (x + 0.044715 * x**3)))


@case(
    "gelu",
    gelu,
    "The derivative of the cubic inside the tanh lacks its factor 3.",
    "a term of the derivative is missing (product or chain rule): 0.03568 * x^3",
    x=X,
)
def gelu_cubic(dy, x):
    t = np.tanh(C * (x + 0.044715 * x**3))
    return dy * (0.5 * (1 + t) + 0.5 * x * (1 - t**2) * C * (1 + 0.044715 * x**2))


def silu(x):
    return x * sig(x)


@case(
    "silu",
    silu,
    "The product rule's second term, x sigmoid'(x), is missing.",
    "it computes sigmoid(x): a term of the derivative is missing",
    x=X,
)
def silu_one_term(dy, x):
    return dy * sig(x)


@case(
    "sigmoid",
    sig,
    "The formula y (1 - y) is applied to the input instead of the output.",
    "the backward pass computes x * (1 - x)",
    x=X,
)
def sigmoid_at_input(dy, x):
    return dy * x * (1 - x)


def tanh(x):
    return np.tanh(x)


@case("tanh", tanh, "The tanh in 1 - tanh(x)^2 is not squared.", "computes (1 - tanh(x))", x=X)
def tanh_unsquared(dy, x):
    return dy * (1 - np.tanh(x))


def softplus(x):
    return np.log(1 + np.exp(x))


@case(
    "softplus",
    softplus,
    "The sigmoid is evaluated at -x instead of x.",
    "the derivative is sigmoid(x), but the backward pass computes (1 - sigmoid(x))",
    x=X,
)
def softplus_mirrored(dy, x):
    return dy * sig(-x)


def relu(x):
    return np.where(x.real > 0, x, 0)


@case(
    "relu",
    relu,
    "The mask is taken from the sign of dy, not from the sign of x.",
    "a mask (or a maximum) is taken from the upstream gradient",
    x=X,
)
def relu_mask_of_upstream(dy, x):
    return np.where(dy > 0, dy, 0.0)


def leaky_relu(x):
    return np.where(x.real > 0, x, 0.2 * x)


@case(
    "leaky relu",
    leaky_relu,
    "The slope for negative inputs is 0, as in a plain relu.",
    "the constant 0.2, but the backward pass uses 0",
    x=X,
)
def leaky_relu_as_relu(dy, x):
    return dy * (x > 0)


def elu(x):
    return np.where(x.real > 0, x, 0.5 * (np.exp(x) - 1))


@case(
    "elu",
    elu,
    "For negative inputs, the slope is constant, as in a leaky relu.",
    "wrong only where x < 0",
    x=X,
)
def elu_as_leaky(dy, x):
    return dy * np.where(x > 0, 1.0, 0.5)


def exp(x):
    return np.exp(x)


@case(
    "exp",
    exp,
    "The power rule is used on exp: the result is x exp(x - 1).",
    "the derivative is exp(x), but the backward pass computes 0.3679 * x * exp(x)",
    x=X,
)
def exp_power_rule(dy, x):
    return dy * x * np.exp(x - 1)


def log(x):
    return np.log(x)


@case(
    "log",
    log,
    "dy is divided by log(x), the output, instead of x.",
    "the derivative is 1 / x, but the backward pass computes 1 / log(x)",
    x=P + 0.8,
)
def log_at_output(dy, x):
    return dy / np.log(x)


def sqrt(x):
    return np.sqrt(x)


@case(
    "sqrt",
    sqrt,
    "The divisor is 2 x, the input, instead of 2 sqrt(x).",
    "the backward pass computes 0.5 * 1 / x",
    x=P,
)
def sqrt_at_input(dy, x):
    return dy / (2 * x)


def divide(x, y):
    return x / y


@case(
    "division",
    divide,
    "The divisor's gradient lacks its minus sign.",
    "the sign is wrong",
    x=P,
    y=Q,
)
def divide_sign(dy, x, y):
    return dy / y, dy * x / y**2


def power(x, y):
    return x**y


@case(
    "power",
    power,
    "The exponent's gradient lacks the factor log(x).",
    "the factor log(x) is missing",
    x=P,
    y=Q,
)
def power_no_log(dy, x, y):
    return dy * y * x ** (y - 1), dy * x**y


def cube(x):
    return x**3


@case(
    "cube",
    cube,
    "The exponent is not lowered by one: 3 x^3 instead of 3 x^2.",
    "a factor x too much",
    x=P,
)
def cube_exponent(dy, x):
    return dy * 3 * x**3


def multiply(x, y):
    return x * y


@case(
    "product",
    multiply,
    "The two gradients are returned in the wrong order.",
    "the gradients of two inputs are exchanged",
    x=X,
    y=Y,
)
def multiply_swapped(dy, x, y):
    return dy * x, dy * y


def sine(x):
    return np.sin(x)


@case("sine", sine, "The upstream gradient is ignored.", "the upstream gradient is ignored", x=X)
def sine_no_upstream(dy, x):
    return np.cos(x)


def arctan(x):
    return np.arctan(x)


@case(
    "arctan",
    arctan,
    "The upstream gradient is applied twice.",
    "the upstream gradient is used twice",
    x=X,
)
def arctan_twice(dy, x):
    return dy * dy / (1 + x**2)
