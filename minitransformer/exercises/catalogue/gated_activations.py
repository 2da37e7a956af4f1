"""Notebook 2: SiLU, and SwiGLU, which uses it as a gate."""

from minitransformer.exercises.catalogue.activations import LINEAR, Phi, sigmoid, silu, silu_slope
from minitransformer.exercises.catalogue.entries import backward, forward

EXERCISES = [
    backward(
        "silu_backward",
        ("dx",),
        LINEAR,
        (
            "y = x sigma(x) is a product: the product rule gives two terms.",
            "The derivative of the sigmoid is sigma (1 - sigma).",
            "dy times (sigma + x sigma (1 - sigma)).",
        ),
        parts=lambda c: {
            "dx": {
                "sigma(x)": c.dy * sigmoid(c.x),
                "x sigma (1 - sigma)": c.dy * c.x * sigmoid(c.x) * (1 - sigmoid(c.x)),
            }
        },
        mistakes={
            "the derivative of the sigmoid is sigma (1 - sigma); the factor 1 - sigma is missing": (
                lambda c: c.dy * (sigmoid(c.x) + c.x * sigmoid(c.x))
            ),
            "the derivative of the sigmoid is sigma (1 - sigma); the factor sigma is missing": (
                lambda c: c.dy * (sigmoid(c.x) + c.x * (1 - sigmoid(c.x)))
            ),
            "the factor x of the second term is missing": lambda c: (
                c.dy * (sigmoid(c.x) * (2 - sigmoid(c.x)))
            ),
            "the upstream gradient is not used": lambda c: silu_slope(c.x),
            "this is the forward pass times dy, not the derivative": lambda c: c.dy * silu(c.x),
        },
    ),
    forward(
        "swiglu",
        ("y",),
        LINEAR,
        (
            "The gate opens and closes the other input, entry by entry.",
            "silu(z) = z sigmoid(z), and sigmoid(z) = 1 / (1 + exp(-z)).",
            "silu of the gate, times up.",
        ),
        mistakes={
            "the gate and up have changed places: take silu of the gate": lambda c: (
                silu(c.up) * c.gate
            ),
            "the sigmoid of the gate alone: silu also has the factor gate": lambda c: (
                sigmoid(c.gate) * c.up
            ),
            "silu is missing: this is gate times up": lambda c: c.gate * c.up,
            "a sum instead of a product: silu of the gate multiplies up": lambda c: (
                silu(c.gate) + c.up
            ),
            "silu is applied to the product": lambda c: silu(c.gate * c.up),
            "gelu instead of silu": lambda c: c.gate * Phi(c.gate) * c.up,
            "silu of both inputs: take it of the gate only": lambda c: silu(c.gate) * silu(c.up),
            "up is not used": lambda c: silu(c.gate),
        },
    ),
    backward(
        "swiglu_backward",
        ("dgate", "dup"),
        LINEAR,
        (
            "y = silu(gate) up is a product: each factor gets dy times the other factor.",
            "dup = dy silu(gate). For dgate, multiply dy by up, then by the derivative of silu.",
            "dgate = dy up sigma (1 + gate (1 - sigma)), with sigma = sigmoid(gate).",
        ),
        mistakes={
            "silu instead of its derivative": lambda c: {"dgate": c.dy * c.up * silu(c.gate)},
            "the sigmoid instead of the derivative of silu": lambda c: {
                "dgate": c.dy * c.up * sigmoid(c.gate)
            },
            "sigma (1 - sigma) is the sigmoid's derivative, not silu's": lambda c: {
                "dgate": c.dy * c.up * sigmoid(c.gate) * (1 - sigmoid(c.gate))
            },
            "the factor up is missing": lambda c: {"dgate": c.dy * silu_slope(c.gate)},
            "silu is missing: the factor is silu(gate), not gate": lambda c: {"dup": c.dy * c.gate},
            "the derivative of silu instead of silu itself": lambda c: {
                "dup": c.dy * silu_slope(c.gate)
            },
            "the sigmoid instead of silu": lambda c: {"dup": c.dy * sigmoid(c.gate)},
            "silu of up instead of silu of the gate": lambda c: {"dup": c.dy * silu(c.up)},
            "the derivative of silu is taken at up, not at the gate": lambda c: {
                "dgate": c.dy * c.up * silu_slope(c.up)
            },
        },
    ),
]
