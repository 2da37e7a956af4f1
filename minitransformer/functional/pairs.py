"""The registry of pairs. The tests, the ledger and the exercises iterate over it."""

from functools import partial

from minitransformer.functional import examples
from minitransformer.functional.activations import gelu, gelu_backward, relu, relu_backward
from minitransformer.functional.attention import attention, attention_backward
from minitransformer.functional.dropout import dropout, dropout_backward
from minitransformer.functional.embedding import embedding, embedding_backward
from minitransformer.functional.gated import silu, silu_backward, swiglu, swiglu_backward
from minitransformer.functional.heads import (
    merge_heads,
    merge_heads_backward,
    split_heads,
    split_heads_backward,
)
from minitransformer.functional.linear import (
    linear,
    linear_backward,
    qkv_projection,
    qkv_projection_backward,
)
from minitransformer.functional.loss import (
    cross_entropy,
    cross_entropy_backward,
    mean_squared_error,
    mean_squared_error_backward,
)
from minitransformer.functional.norm import (
    layer_norm,
    layer_norm_backward,
    rms_norm,
    rms_norm_backward,
)
from minitransformer.functional.pair import (
    Pair,
    norm_saved,
    only,
    output,
    pool_saved,
    same,
    second_output,
    tiled_saved,
    x_length,
)
from minitransformer.functional.pooling import (
    first_pool,
    first_pool_backward,
    max_pool,
    max_pool_backward,
    mean_pool,
    mean_pool_backward,
)
from minitransformer.functional.recurrence.pairs import RECURRENT
from minitransformer.functional.rotary import rotary, rotary_backward
from minitransformer.functional.softmax import (
    log_softmax,
    log_softmax_backward,
    softmax,
    softmax_backward,
)
from minitransformer.functional.tiled import tiled_attention, tiled_attention_backward
from minitransformer.functional.windowed.pairs import WINDOWED

_ONES = ({"B": 1, "T": 1}, {"D": 1}, {"B": 1, "T": 1, "D": 1})
_EMPTY = ({"B": 0}, {"T": 0})
_EDGES = _ONES + _EMPTY
_ATTENTION_EDGES = tuple({name: n} for name in "BTS" for n in (0, 1)) + (
    {"E": 1},
    {"G": 1, "H/G": 3},
    {"G": 3, "H/G": 1},
    {"mask": True, "share": 0.0},
    {"mask": True, "share": 1.0},
    {"T": 3, "S": 1, "mask": True},
    {"axes": 3, "G": 2, "H/G": 2, "mask": False},
    {"axes": 2, "mask": False},
)
_POOL_EDGES = _EDGES + ({"mask": True, "share": 0.0}, {"mask": True, "share": 1.0})

PAIRS = {
    "linear": Pair(
        linear,
        linear_backward,
        only("x", "W"),
        examples.linear,
        wrt=("x", "W", "b"),
        edges=_EDGES + ({"F": 1},),
    ),
    "qkv_projection": Pair(
        qkv_projection,
        qkv_projection_backward,
        only("x", "W"),
        partial(examples.linear, thirds=3),
        wrt=("x", "W", "b"),
        upstream=3,
        edges=_EDGES + ({"F": 1},),
    ),
    "relu": Pair(
        relu,
        relu_backward,
        output(),
        examples.away_from_zero,
        analytic=False,
        edges=_EDGES + ({"D": 0},),
    ),
    "gelu": Pair(gelu, gelu_backward, same, examples.array, edges=_EDGES + ({"D": 0},)),
    "gelu_tanh": Pair(
        gelu,
        gelu_backward,
        same,
        examples.with_fixed(examples.array, approximate="tanh"),
        edges=_EDGES + ({"D": 0},),
    ),
    "silu": Pair(silu, silu_backward, same, examples.array, edges=_EDGES + ({"D": 0},)),
    "swiglu": Pair(
        swiglu,
        swiglu_backward,
        same,
        examples.gated,
        wrt=("gate", "up"),
        edges=_EDGES + ({"D": 0},),
    ),
    "softmax": Pair(
        softmax,
        softmax_backward,
        output(),
        examples.array,
        edges=_EDGES + ({"D": 0},),
    ),
    "softmax_axis_1": Pair(
        softmax,
        softmax_backward,
        output("y", "axis"),
        examples.with_fixed(examples.array, axis=1),
        edges=_EDGES + ({"D": 0},),
    ),
    "log_softmax": Pair(
        log_softmax,
        log_softmax_backward,
        output(),
        examples.array,
        edges=_EDGES + ({"D": 0},),
    ),
    "log_softmax_axis_1": Pair(
        log_softmax,
        log_softmax_backward,
        output("y", "axis"),
        examples.with_fixed(examples.array, axis=1),
        edges=_EDGES + ({"D": 0},),
    ),
    "layer_norm": Pair(
        layer_norm,
        layer_norm_backward,
        norm_saved,
        partial(examples.norm, shift=True),
        wrt=("x", "gamma", "beta"),
        edges=_EDGES,
    ),
    "rms_norm": Pair(
        rms_norm,
        rms_norm_backward,
        norm_saved,
        examples.norm,
        wrt=("x", "gamma"),
        edges=_EDGES,
    ),
    "dropout": Pair(dropout, dropout_backward, only("keep"), examples.dropout, edges=_EDGES),
    "embedding": Pair(
        embedding,
        embedding_backward,
        lambda inputs, outputs: {"ids": inputs["ids"], "n_rows": inputs["W"].shape[0]},
        examples.embedding,
        wrt=("W",),
        edges=_EDGES + ({"V": 1},),
    ),
    "attention": Pair(
        attention,
        attention_backward,
        lambda inputs, outputs: only("Q", "K", "V", "keep")(inputs, outputs) | {"P": outputs[1]},
        examples.attention,
        wrt=("Q", "K", "V"),
        edges=_ATTENTION_EDGES,
    ),
    "tiled_attention": Pair(
        tiled_attention,
        tiled_attention_backward,
        tiled_saved,
        examples.tiled_attention,
        wrt=("Q", "K", "V"),
        edges=_ATTENTION_EDGES + ({"T": 3, "block": 1}, {"T": 4, "block": 9}),
    ),
    "split_heads": Pair(
        split_heads,
        split_heads_backward,
        lambda inputs, outputs: {},
        examples.split,
        view=True,
        edges=({"B": 1, "T": 1}, {"H": 1}, {"E": 1}, *_EMPTY),
    ),
    "merge_heads": Pair(
        merge_heads,
        merge_heads_backward,
        lambda inputs, outputs: {"n_heads": inputs["x"].shape[1]},
        examples.merged,
        view=True,
        edges=({"B": 1, "T": 1}, {"H": 1}, {"E": 1}, *_EMPTY),
    ),
    "rotary": Pair(
        rotary,
        rotary_backward,
        only("cos", "sin"),
        examples.rotary,
        edges=({"B": 1, "T": 1}, {"H": 1}, {"E/2": 1}, {"axes": 2}, {"rows": True}, *_EMPTY),
    ),
    "cross_entropy": Pair(
        cross_entropy,
        cross_entropy_backward,
        second_output("saved"),
        examples.cross_entropy,
        wrt=("logits",),
        edges=({"B": 1, "T": 1}, {"C": 1}, {"ignored": 1.0}, *_EMPTY),
    ),
    "mean_squared_error": Pair(
        mean_squared_error,
        mean_squared_error_backward,
        second_output("difference"),
        examples.squared_error,
        wrt=("y",),
        edges=_EDGES + ({"D": 0},),
    ),
    "mean_pool": Pair(mean_pool, mean_pool_backward, pool_saved, examples.pool, edges=_POOL_EDGES),
    "max_pool": Pair(
        max_pool,
        max_pool_backward,
        lambda inputs, outputs: {"index": outputs[1], "length": x_length(inputs)},
        examples.pool,
        analytic=False,
        edges=_POOL_EDGES,
    ),
    "first_pool": Pair(
        first_pool, first_pool_backward, pool_saved, examples.pool, edges=_POOL_EDGES
    ),
    **WINDOWED,
    **RECURRENT,
}
