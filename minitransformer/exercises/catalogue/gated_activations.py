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
            "One of the two opens and closes the other, entry by entry.",
            "silu(z) = z sigmoid(z), and sigmoid(z) = 1 / (1 + exp(-z)).",
            "silu of the gate, times up.",
        ),
        mistakes={
            "the gate and up have changed places: silu is of the gate": lambda c: (
                silu(c.up) * c.gate
            ),
            "the sigmoid of the gate alone: silu has a factor gate besides": lambda c: (
                sigmoid(c.gate) * c.up
            ),
            "silu is missing: this is gate times up": lambda c: c.gate * c.up,
            "added where a product is meant": lambda c: silu(c.gate) + c.up,
            "silu is applied to the product": lambda c: silu(c.gate * c.up),
            "gelu where silu is meant": lambda c: c.gate * Phi(c.gate) * c.up,
            "silu of both: only of the gate": lambda c: silu(c.gate) * silu(c.up),
            "up is not used": lambda c: silu(c.gate),
        },
    ),
    backward(
        "swiglu_backward",
        ("dgate", "dup"),
        LINEAR,
        (
            "y = silu(gate) up is a product of two inputs: each gets dy times the other factor.",
            "dup = dy silu(gate). For dgate dy goes through up first, then through silu.",
            "dgate = dy up sigma (1 + gate (1 - sigma)), with sigma = sigmoid(gate).",
        ),
        mistakes={
            "silu where its derivative is meant": lambda c: {"dgate": c.dy * c.up * silu(c.gate)},
            "the sigmoid where silu's derivative is meant": lambda c: {
                "dgate": c.dy * c.up * sigmoid(c.gate)
            },
            "sigma (1 - sigma), the sigmoid's derivative, where silu's is meant": lambda c: {
                "dgate": c.dy * c.up * sigmoid(c.gate) * (1 - sigmoid(c.gate))
            },
            "the factor up is missing": lambda c: {"dgate": c.dy * silu_slope(c.gate)},
            "silu is missing: gate is not yet the factor": lambda c: {"dup": c.dy * c.gate},
            "silu's derivative where silu itself is meant": lambda c: {
                "dup": c.dy * silu_slope(c.gate)
            },
            "the sigmoid alone where silu is meant": lambda c: {"dup": c.dy * sigmoid(c.gate)},
            "silu of up where silu of the gate is meant": lambda c: {"dup": c.dy * silu(c.up)},
            "silu's derivative is taken at up, not at the gate": lambda c: {
                "dgate": c.dy * c.up * silu_slope(c.up)
            },
        },
    ),
]
