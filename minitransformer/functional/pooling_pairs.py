"""The registry entries of the poolings over time; `functional/pairs.py` adds them to `PAIRS`."""

from minitransformer.functional import examples
from minitransformer.functional.pair import Pair, pool_saved, x_length
from minitransformer.functional.pooling import (
    first_pool,
    first_pool_backward,
    max_pool,
    max_pool_backward,
    mean_pool,
    mean_pool_backward,
)

_EDGES = (
    {"B": 1, "T": 1},
    {"D": 1},
    {"B": 1, "T": 1, "D": 1},
    {"B": 0},
    {"T": 0},
    {"mask": True, "share": 0.0},
    {"mask": True, "share": 1.0},
)

POOLINGS = {
    "mean_pool": Pair(
        mean_pool,
        mean_pool_backward,
        pool_saved,
        examples.pool,
        edges=_EDGES,
    ),
    "max_pool": Pair(
        max_pool,
        max_pool_backward,
        lambda inputs, outputs: {"index": outputs[1], "length": x_length(inputs)},
        examples.pool,
        analytic=False,
        edges=_EDGES,
    ),
    "first_pool": Pair(first_pool, first_pool_backward, pool_saved, examples.pool, edges=_EDGES),
}
