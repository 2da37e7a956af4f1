"""What encoder and decoder blocks share: a sublayer inside a residual connection and a norm."""

from minitransformer.layers.base import Layer

NORMS = ("pre", "post")


def check_norm(norm):
    if norm not in NORMS:
        raise ValueError(f"norm must be 'pre' or 'post', got {norm!r}")


class ResidualBlock(Layer):
    r"""Sublayers f, each inside a residual connection.

    .. math::
        \text{post (as published):} \quad & x \leftarrow \mathrm{LN}(x + f(x)) \\
        \text{pre:} \quad & x \leftarrow x + f(\mathrm{LN}(x))

    With the norm before, the residual path runs from the loss to the first layer untouched, which
    is why deep stacks train without a warm-up.
    """

    def _sublayer_forward(self, x, norm, sublayer, dropout, rng, memory=(), **options):
        """x (B, T, D) -> y (B, T, D), the caches of norm, sublayer and dropout."""
        if self.norm == "pre":
            normed, norm_cache = norm.forward(x)
            branch, cache = sublayer.forward(normed, *memory, rng=rng, **options)
            y, dropout_cache = dropout.forward(branch, rng=rng)
            y += x  # y is the sublayer's own array, which no cache holds
            return y, (norm_cache, cache, dropout_cache)
        branch, cache = sublayer.forward(x, *memory, rng=rng, **options)
        y, dropout_cache = dropout.forward(branch, rng=rng)
        y += x
        y, norm_cache = norm.forward(y)
        return y, (norm_cache, cache, dropout_cache)

    def _sublayer_backward(self, dy, norm, sublayer, dropout, caches):
        """dy (B, T, D) -> dx (B, T, D), and a list with the memory's gradient, if there is one."""
        norm_cache, cache, dropout_cache = caches
        if self.norm == "pre":
            # y = x + dropout(f(LN(x))): the residual passes the gradient on as it is
            dbranch, *dmemory = _as_tuple(
                sublayer.backward(dropout.backward(dy, dropout_cache), cache)
            )
            dx = norm.backward(dbranch, norm_cache)
            dx += dy
            return dx, dmemory
        # y = LN(x + dropout(f(x))): both paths start behind the norm
        dsum = norm.backward(dy, norm_cache)
        dx, *dmemory = _as_tuple(sublayer.backward(dropout.backward(dsum, dropout_cache), cache))
        dx += dsum
        return dx, dmemory

    def _sublayer_extend(self, x, norm, run):
        """x (B, T, D) -> y (B, T, D) without a cache; `run` is the sublayer."""
        return x + run(norm(x)) if self.norm == "pre" else norm(x + run(x))


def _as_tuple(gradients):
    return gradients if isinstance(gradients, tuple) else (gradients,)
