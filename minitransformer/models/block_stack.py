"""What every transformer does with a stack of blocks: run it, and the norm after it."""

from minitransformer.layers import make_norm


class BlockStack:
    """Methods of a network that has blocks, and perhaps a norm after the last block."""

    def _make_final_norm(self):
        settings = self.settings
        if not settings.has_final_norm:
            return None
        return make_norm(
            settings.norm_kind,
            settings.d_model,
            eps=settings.norm_eps,
            dtype=settings.dtype,
            ops=self.ops,
        )

    def _through(self, blocks, norm, x, **options):
        """x (B, T, D) -> the output of the blocks and of the norm after them, and their caches."""
        caches, norm_cache = [], None
        for block in blocks:
            x, cache = block.forward(x, **options)
            caches.append(cache)
        if norm is not None:
            x, norm_cache = norm.forward(x)
        return x, tuple(caches), norm_cache

    def _back_through(self, blocks, norm, dx, cache):
        """dx (B, T, D) -> the gradient of the first block's input, (B, T, D)."""
        if norm is not None:
            dx = norm.backward(dx, cache.norm)
        for block, block_cache in zip(reversed(blocks), reversed(cache.blocks), strict=True):
            dx = block.backward(dx, block_cache)
        return dx
