"""Checks that a backward pass is the exact vector-Jacobian product of its forward pass.

`check` takes any pair of functions, `check_layer` a layer or a whole model, and `ledger` a list of
subjects, each of which is tried with many random shapes. If you print the result of any of the
three, you get a table. For a wrong gradient, the table also shows the place of the largest error,
both gradients there, and the likely fault.

>>> import numpy as np
>>> from minitransformer import gradcheck
>>> def square(x):
...     return x * x
>>> def square_backward(dy, x):
...     return 2 * x * dy
>>> gradcheck.check(square, square_backward, {"x": np.array([0.5, -1.0, 2.0])}).ok
True
"""

from minitransformer.gradcheck.layers import check_layer
from minitransformer.gradcheck.ledger import Ledger, ledger
from minitransformer.gradcheck.pairs import check
from minitransformer.gradcheck.report import GradientError, Report
from minitransformer.gradcheck.row import Tolerance
from minitransformer.gradcheck.subject import Subject, layer_subject, pair_subject

__all__ = [
    "GradientError",
    "Ledger",
    "Report",
    "Subject",
    "Tolerance",
    "check",
    "check_layer",
    "layer_subject",
    "ledger",
    "pair_subject",
]
