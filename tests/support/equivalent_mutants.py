"""Mutants that compute the same gradient: (function, change) -> the reason."""

ANY_BOUND = "exp does not overflow at either bound, and the row is normalised afterwards"
AXIS = "another number for the same axis, in an array with this many axes"
BELOW = "the slope there is 1e-33 of the largest; test_gated.py detects it"
BOOL = "flatnonzero of 1.0 and of True are the same"
BOTH = "there are as many blocks as caches"
COUNT = "no weight is negative, so the mean is positive exactly where the sum is"
CONTIGUOUS = "the copy of a transpose changes nothing but the time of products with it"
DEVICE = "NumPy arrays never take this branch; test_strict_device.py tests it"
DEFAULT = "0 is reduceat's default axis"
MIXED = "it changes nothing if there is one dtype; test_precision.py detects it"
EMPTY = "it matters only without tokens, where the product fails; the ledger's edges detect it"
FROM_ZERO = (
    "it matters only without an initial state; the recurrent layers, which have none, detect it"
)
FROM_THE_END = "a negative index counts from the end and finds the same sublayer"
IGNORED = "an ignored position's weight is 0, whichever entry it is subtracted from"
MINUS = "NumPy infers the length from any negative number"
ONE = "multiplying by 1 changes nothing; the branch only saves time"
PRODUCT = "the backward pass of dropout is a product of its two arguments"
STABLE = "any fixed order of addition is correct; this one is the order of occurrence"
SYMMETRIC = "the larger of two numbers, or dtypes, does not depend on their order"
UNIT_SUM = "in float64 every row sums to 1 up to rounding; test_tiled.py detects it in float16"
UNPACKED = "both callers unpack the three gradients at once"
ZERO = "if eps is 0, the branch subtracts zeros; it only saves time"

EQUIVALENT = {
    (
        "states_before",
        "first = initial(state, y, y.shape[2])[:, None]  ->  first = state[:, None]",
    ): FROM_ZERO,
    (
        "states_before",
        "first = initial(state, y, y.shape[2])[:, None]  ->  "
        "first = initial(state, y.shape[2], y)[:, None]",
    ): FROM_ZERO,
    (
        "states_before",
        "first = initial(state, y, y.shape[2])[:, None]  ->  "
        "first = initial(state, y, y.shape[0])[:, None]",
    ): FROM_ZERO,
    (
        "states_before",
        "first = initial(state, y, y.shape[2])[:, None]  ->  "
        "first = initial(state, y, y.shape[-2])[:, None]",
    ): FROM_ZERO,
    (
        "patchify_backward",
        "return patches.transpose(0, 2, 1, 3).reshape(B, rows, columns, P // (p * p))  ->  "
        "return patches.transpose(0, -2, 1, 3).reshape(B, rows, columns, P // (p * p))",
    ): AXIS,
    (
        "silu_backward",
        "return dy * (sigma * (1 + bounded * (1 - sigma)) * (x >= -_SATURATED))  ->  "
        "return dy * (sigma * (1 + bounded * (1 - sigma)))",
    ): BELOW,
    (
        "silu_backward",
        "return dy * (sigma * (1 + bounded * (1 - sigma)) * (x >= -_SATURATED))  ->  "
        "return dy * (sigma * (1 + bounded * (1 - sigma)) * (x > -_SATURATED))",
    ): BELOW,
    (
        "PositionalEncoding.backward",
        "P_grad += dy.sum(axis=0, dtype=np.result_type(dy.dtype, P_grad.dtype))  ->  "
        "P_grad += dy.sum(axis=0)",
    ): MIXED,
    (
        "PositionalEncoding.backward",
        "P_grad += dy.sum(axis=0, dtype=np.result_type(dy.dtype, P_grad.dtype))  ->  "
        "P_grad += dy.sum(axis=0, dtype=dy.dtype)",
    ): MIXED,
    (
        "PositionalEncoding.backward",
        "P_grad += dy.sum(axis=0, dtype=np.result_type(dy.dtype, P_grad.dtype))  ->  "
        "P_grad += dy.sum(axis=0, dtype=np.result_type(P_grad.dtype, dy.dtype))",
    ): SYMMETRIC,
    (
        "Attention._attend_backward",
        "return tuple((self.ops.split_heads_backward(gradient) for gradient in (dQ, dK, dV)))  ->  "
        "return (self.ops.split_heads_backward(gradient) for gradient in (dQ, dK, dV))",
    ): UNPACKED,
    (
        "attention_backward",
        "used = P.real.sum(axis=-2) > 0  ->  used = P.real.mean(axis=-2) > 0",
    ): COUNT,
    (
        "Dropout.backward",
        "return dy if cache.keep is None else self.ops.dropout_backward(dy, cache.keep)  ->  "
        "return dy if cache.keep is None else self.ops.dropout_backward(cache.keep, dy)",
    ): PRODUCT,
    (
        "BlockStack._back_through",
        "for block, block_cache in zip(reversed(blocks), reversed(cache.blocks), strict=True):"
        "  ->  for block, block_cache in zip(reversed(blocks), reversed(cache.blocks)):",
    ): BOTH,
    (
        "BlockStack._back_through",
        "for block, block_cache in zip(reversed(blocks), reversed(cache.blocks), strict=True):"
        "  ->  for block, block_cache in zip(reversed(blocks), reversed(cache.blocks), "
        "strict=False):",
    ): BOTH,
    (
        "Transformer.backward",
        "for block, block_cache in zip(reversed(self.decoder), reversed(decoder.blocks), "
        "strict=True):  ->  for block, block_cache in zip(reversed(self.decoder), "
        "reversed(decoder.blocks)):",
    ): BOTH,
    (
        "Transformer.backward",
        "for block, block_cache in zip(reversed(self.decoder), reversed(decoder.blocks), "
        "strict=True):  ->  for block, block_cache in zip(reversed(self.decoder), "
        "reversed(decoder.blocks), strict=False):",
    ): BOTH,
    (
        "TiedHead.backward",
        "dy_rows, x_rows = (dy.reshape(-1, V), cache.x.reshape(-1, D))  ->  dy_rows, x_rows = "
        "(dy.reshape(-2, V), cache.x.reshape(-1, D))",
    ): MINUS,
    (
        "TiedHead.backward",
        "dy_rows, x_rows = (dy.reshape(-1, V), cache.x.reshape(-1, D))  ->  dy_rows, x_rows = "
        "(dy.reshape(-1, V), cache.x.reshape(-2, D))",
    ): MINUS,
    ("TiedHead.backward", "if x_rows.size:  ->  if True:"): EMPTY,
    (
        "TiedHead.backward",
        "self.b.grad += dy_rows.sum(axis=0, dtype=self.b.grad.dtype)  ->  self.b.grad += "
        "dy_rows.sum(axis=0)",
    ): MIXED,
    (
        "cross_entropy_backward",
        "rows[xp.arange(y.size), xp.maximum(y, 0).reshape(-1)] -= (1 - eps) * "
        "w_y.reshape(-1)  ->  rows[xp.arange(y.size), y.reshape(-1)] -= (1 - eps) * "
        "w_y.reshape(-1)",
    ): IGNORED,
    (
        "cross_entropy_backward",
        "rows[xp.arange(y.size), xp.maximum(y, 0).reshape(-1)] -= (1 - eps) * "
        "w_y.reshape(-1)  ->  rows[xp.arange(y.size), xp.maximum(0, y).reshape(-1)] -= (1 "
        "- eps) * w_y.reshape(-1)",
    ): SYMMETRIC,
    (
        "cross_entropy_backward",
        "rows[xp.arange(y.size), xp.maximum(y, 0).reshape(-1)] -= (1 - eps) * "
        "w_y.reshape(-1)  ->  rows[xp.arange(y.size), xp.maximum(y, 0).reshape(-2)] -= (1 "
        "- eps) * w_y.reshape(-1)",
    ): MINUS,
    (
        "cross_entropy_backward",
        "rows[xp.arange(y.size), xp.maximum(y, 0).reshape(-1)] -= (1 - eps) * "
        "w_y.reshape(-1)  ->  rows[xp.arange(y.size), xp.maximum(y, 0).reshape(-1)] -= (1 "
        "- eps) * w_y.reshape(-2)",
    ): MINUS,
    (
        "cross_entropy_backward",
        "if eps:  ->  if True:",
    ): ZERO,
    (
        "embedding_row_gradients",
        "return embedding_gradient_rows(ids.reshape(-1), "
        "dy.reshape(ids.size, dy.shape[-1]), n_rows)  ->  "
        "return embedding_gradient_rows(ids.reshape(-2), "
        "dy.reshape(ids.size, dy.shape[-1]), n_rows)",
    ): MINUS,
    (
        "mean_squared_error_backward",
        "return difference * (dloss * (2 / max(difference.size, 1)))  ->  return "
        "difference * (dloss * (2 / max(1, difference.size)))",
    ): SYMMETRIC,
    (
        "merge_heads",
        "return x.transpose(0, 2, 1, 3).reshape(B, T, H * E)  ->  return x.transpose(0, "
        "-2, 1, 3).reshape(B, T, H * E)",
    ): AXIS,
    (
        "sum_rows_by_id",
        "order = xp.argsort(ids, kind='stable')  ->  order = xp.argsort(ids)",
    ): STABLE,
    (
        "sum_rows_by_id",
        "is_first = xp.concatenate([xp.ones(1, dtype=bool), sorted_ids[1:] != "
        "sorted_ids[:-1]])  ->  is_first = xp.concatenate([xp.ones(1), sorted_ids[1:] != "
        "sorted_ids[:-1]])",
    ): BOOL,
    (
        "sum_rows_by_id",
        "return (sorted_ids[starts], xp.add.reduceat(rows[order], starts, axis=0))  ->  "
        "return (sorted_ids[starts], xp.add.reduceat(rows[order], starts))",
    ): DEFAULT,
    (
        "Embedding.backward",
        "rows, dW_rows = self.ops.embedding_row_gradients(dy, cache.ids, self.W.shape[0])  ->  "
        "rows, dW_rows = self.ops.embedding_row_gradients(dy, cache.ids, self.W.shape[1])",
    ): DEVICE,
    (
        "EncoderBlock.backward",
        "dx, _ = self._residual_backward(2, dy, second)  ->  "
        "dx, _ = self._residual_backward(0, dy, second)",
    ): FROM_THE_END,
    (
        "EncoderBlock.backward",
        "dx, _ = self._residual_backward(1, dx, first)  ->  "
        "dx, _ = self._residual_backward(-1, dx, first)",
    ): FROM_THE_END,
    (
        "DecoderBlock.backward",
        "dx, _ = self._residual_backward(3, dy, third)  ->  dx, _ = self._residual_backward(0, dy, "
        "third)",
    ): FROM_THE_END,
    ("Embedding.backward", "if self.scale != 1.0:  ->  if True:"): ONE,
    ("Embedding.backward", "if self.scale != 1.0:  ->  if self.scale != 0:"): ONE,
    ("Embedding.backward", "if self.scale != 1.0:  ->  if self.scale != -1.0:"): ONE,
    (
        "embedding_gradient_rows",
        "if is_cupy(rows):  ->  if False:",
    ): DEVICE,
    (
        "embedding_gradient_rows",
        "return rows_added_by_id(ids, rows, n_rows)  ->  return -rows_added_by_id(ids, rows, "
        "n_rows)",
    ): DEVICE,
    (
        "embedding_gradient_rows",
        "return rows_added_by_id(ids, rows, n_rows)  ->  return ids",
    ): DEVICE,
    (
        "embedding_gradient_rows",
        "return rows_added_by_id(ids, rows, n_rows)  ->  return rows_added_by_id(rows, ids, "
        "n_rows)",
    ): DEVICE,
    (
        "embedding_gradient_rows",
        "return rows_added_by_id(ids, rows, n_rows)  ->  return rows_added_by_id(ids, "
        "n_rows, rows)",
    ): DEVICE,
    (
        "split_heads",
        "return x.reshape(B, T, n_heads, D // n_heads).transpose(0, 2, 1, 3)  ->  return "
        "x.reshape(B, T, n_heads, D // n_heads).transpose(0, -2, 1, 3)",
    ): AXIS,
    (
        "tiled_attention_backward",
        "P /= sum_or_one(P)  ->  P *= sum_or_one(P)",
    ): UNIT_SUM,
    (
        "tiled_attention_backward",
        "P /= sum_or_one(P)  ->  pass",
    ): UNIT_SUM,
    (
        "tiled_attention_backward",
        "xp.minimum(P, 0, out=P)  ->  xp.minimum(P, 1, out=P)",
    ): ANY_BOUND,
    (
        "tiled_attention_backward",
        "xp.minimum(P, 0, out=P)  ->  xp.minimum(0, P, out=P)",
    ): SYMMETRIC,
    (
        "rnn_backward",
        "da, dh, U_T = (xp.empty_like(y), dh.copy(), U.T.copy())  ->  "
        "da, dh, U_T = (xp.empty_like(y), dh.copy(), U.T)",
    ): CONTIGUOUS,
    (
        "lstm_backward",
        "E, U_T = (y.shape[2], U.T.copy())  ->  E, U_T = (y.shape[2], U.T)",
    ): CONTIGUOUS,
    (
        "gru_backward",
        "E, U_T = (y.shape[2], U.T.copy())  ->  E, U_T = (y.shape[2], U.T)",
    ): CONTIGUOUS,
}
