"""The base of encoder and decoder blocks: sublayers with a norm and a residual connection."""

from minitransformer.layers.base import Layer

NORMS = ("pre", "post")


class ResidualBlock(Layer):
    r"""A block of sublayers f, each with a norm LN and a residual connection.

    .. math::
        \text{post (as published):} \quad & y = \mathrm{LN}(x + f(x)) \\
        \text{pre:} \quad & y = x + f(\mathrm{LN}(x))

    f is an attention layer or a feed-forward network, followed by dropout. With pre-norm, the
    residual path from the loss to the first layer contains only additions. This is why deep stacks
    train without a warm-up.
    """

    def _sublayers(self):
        """The norm, the layer and the dropout of each sublayer, in forward order."""
        raise NotImplementedError

    def _residual(self, i, x, rng, *memory, **options):
        """Sublayer i >= 1: x (B, T, D) -> y (B, T, D), the caches of norm, layer and dropout."""
        norm, layer, dropout = self._sublayers()[i - 1]

        def f(x):
            branch, cache = layer.forward(x, *memory, rng=rng, **options)
            branch, dropout_cache = dropout.forward(branch, rng=rng)
            return branch, (cache, dropout_cache)

        formula = self._pre_norm if self.norm == "pre" else self._post_norm
        y, norm_cache, caches = formula(x, norm.forward, f)
        return y, (norm_cache, *caches)

    def _pre_norm(self, x, LN, f):
        """y = x + f(LN(x))."""
        y, norm_cache = LN(x)
        y, caches = f(y)
        y += x  # in place: y is the result of f, and no cache holds it
        return y, norm_cache, caches

    def _post_norm(self, x, LN, f):
        """y = LN(x + f(x))."""
        y, caches = f(x)
        y += x
        y, norm_cache = LN(y)
        return y, norm_cache, caches

    def _residual_backward(self, i, dy, caches):
        """dy (B, T, D) -> dx (B, T, D), and dmemory (B, S, D) for cross-attention, else None."""
        norm, layer, dropout = self._sublayers()[i - 1]
        norm_cache, cache, dropout_cache = caches

        def LN_backward(dy):
            return norm.backward(dy, norm_cache)

        def f_backward(dy):
            gradients = layer.backward(dropout.backward(dy, dropout_cache), cache)
            return gradients if isinstance(gradients, tuple) else (gradients, None)

        formula = self._pre_norm_backward if self.norm == "pre" else self._post_norm_backward
        return formula(dy, LN_backward, f_backward)

    def _pre_norm_backward(self, dy, LN_backward, f_backward):
        """Backward pass of y = x + f(LN(x)): the residual path adds dy unchanged."""
        dnormed, dmemory = f_backward(dy)
        dx = LN_backward(dnormed)
        dx += dy
        return dx, dmemory

    def _post_norm_backward(self, dy, LN_backward, f_backward):
        """Backward pass of y = LN(x + f(x)): both paths get the gradient of the sum."""
        dsum = LN_backward(dy)
        dx, dmemory = f_backward(dsum)
        dx += dsum
        return dx, dmemory

    def _residual_extend(self, i, x, f, *inputs, **options):
        """Sublayer i without a cache, for decoding: x (B, T, D) -> y (B, T, D)."""
        LN, _, _ = self._sublayers()[i - 1]
        if self.norm == "pre":
            return x + f(LN(x), *inputs, **options)
        return LN(x + f(x, *inputs, **options))
