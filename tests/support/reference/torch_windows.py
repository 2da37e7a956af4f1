"""PyTorch's convolutions and poolings, for :mod:`tests.support.reference.torch_pairs`."""

from torch.nn import functional as T


def _before_and_after(x, W, stride):
    """Zeros for "same" as in Keras, in PyTorch's order: the last axis first."""
    amounts = []
    steps = stride if isinstance(stride, tuple) else (stride,) * (x.ndim - 2)
    for size, k, step in zip(x.shape[2:], W.shape[2:], steps, strict=True):
        total = max((-(-size // step) - 1) * step + k - size, 0)
        amounts = [total // 2, total - total // 2, *amounts]
    return T.pad(x, amounts)


def conv1d(x, W, b, stride, padding):
    x, W = x.transpose(1, 2), W.permute(2, 1, 0)
    x = _before_and_after(x, W, stride) if padding == "same" else x
    return (T.conv1d(x, W, b, stride).transpose(1, 2),)


def conv2d(x, W, b, stride, padding):
    x, W = x.permute(0, 3, 1, 2), W.permute(3, 2, 0, 1).contiguous()
    x = _before_and_after(x, W, stride) if padding == "same" else x
    return (T.conv2d(x, W, b, stride).permute(0, 2, 3, 1),)


def max_pool1d(x, size, stride):
    return (T.max_pool1d(x.transpose(1, 2), size, stride).transpose(1, 2),)


def max_pool2d(x, size, stride):
    return (T.max_pool2d(x.permute(0, 3, 1, 2), size, stride).permute(0, 2, 3, 1),)


def avg_pool2d(x, size, stride):
    return (T.avg_pool2d(x.permute(0, 3, 1, 2), size, stride).permute(0, 2, 3, 1),)


def patchify(x, size):
    """PyTorch's unfold has the channels first in each patch."""
    patches = T.unfold(x.permute(0, 3, 1, 2), size, stride=size)
    B, P, N = patches.shape
    by_channel = patches.reshape(B, x.shape[3], P // x.shape[3], N)
    return (by_channel.permute(0, 3, 2, 1).reshape(B, N, P),)


FORWARD = {
    name: function
    for name, function in globals().items()
    if callable(function) and getattr(function, "__module__", None) == __name__
}
