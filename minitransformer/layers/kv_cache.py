"""The key-value cache: keys and values stored while sequences are decoded piece by piece."""

from minitransformer.backend import array_module


class KVCache:
    """Keys and values of one attention layer for the tokens so far, in arrays with room for more.

    Parameters
    ----------
    capacity : int
        Maximum number of tokens. The arrays are allocated when the first tokens are appended.

    Attributes
    ----------
    length : int
        Number of tokens so far.
    K, V : (B, H, capacity, E) arrays
        H is the number of heads of keys and values. Entries beyond `length` have no meaning. K and
        V are None while there are no tokens.
    """

    def __init__(self, capacity):
        self.capacity, self.length = capacity, 0
        self.K = self.V = None

    def append(self, K, V):
        """Append K and V (B, H, T, E), and return all keys and values so far, as views.

        Raises
        ------
        ValueError
            If they exceed the capacity.
        """
        end = self.length + K.shape[2]
        if end > self.capacity:
            raise ValueError(f"{end} tokens do not fit the capacity of {self.capacity}")
        if self.K is None:
            xp, (B, H, _, E) = array_module(K=K, V=V), K.shape
            self.K, self.V = (xp.empty((B, H, self.capacity, E), K.dtype) for _ in range(2))
        self.K[:, :, self.length : end], self.V[:, :, self.length : end] = K, V
        self.length = end
        return self.so_far()

    def so_far(self):
        """Keys and values of all tokens so far, (B, H, length, E), as views."""
        return self.K[:, :, : self.length], self.V[:, :, : self.length]

    def select(self, rows):
        """Continue with these rows of the batch, in this order. A row may be repeated.

        Parameters
        ----------
        rows : (n,) int array
            Row numbers, on the device of K and V.
        """
        if self.K is not None:
            self.K, self.V = (self._selected(array, rows) for array in (self.K, self.V))

    def _selected(self, array, rows):
        """A new array of full capacity; only the first `length` tokens are copied."""
        new = array_module(array).empty((len(rows), *array.shape[1:]), array.dtype)
        new[:, :, : self.length] = array[:, :, : self.length][rows]
        return new


KeyValues = KVCache  # the name of KVCache in version 0.1.0
