"""Functions of windows that move over a text or an image: convolution, pooling, patches."""
