r"""Embedding: a table lookup, which equals a product with one-hot rows."""

from minitransformer.backend import array_module, check_ids, embedding_gradient_rows
from minitransformer.functional._checks import in_one_dtype, require_one_device


def embedding(ids, W):
    r"""Look up a row of the table for each token.

    .. math:: y = \mathrm{onehot}(\mathrm{ids}) \, W, \qquad y_t = W_{\mathrm{ids}_t}

    Parameters
    ----------
    ids : (...) int array
        Token ids, each in ``0 .. V - 1``.
    W : (V, D) array
        The table, with one row per token of the vocabulary.

    Returns
    -------
    y : (..., D) array

    Raises
    ------
    TypeError
        If the ids are not integers.
    ValueError
        If an id is out of range.

    Source: Vaswani et al. 2017, section 3.4.
    """
    require_one_device(ids=ids, W=W)
    check_ids(ids, W.shape[0])
    return W[ids]


@in_one_dtype
def embedding_backward(dy, ids, n_rows):
    r"""Vector-Jacobian product of :func:`embedding` with respect to the table.

    .. math:: \frac{\partial L}{\partial W_v}
        = \sum_{t:\, \mathrm{ids}_t = v} \frac{\partial L}{\partial y_t},
        \qquad \frac{\partial L}{\partial W} = \mathrm{onehot}(\mathrm{ids})^\top
        \frac{\partial L}{\partial y}

    If a token occurs several times, its gradients are added in a fixed order.

    Parameters
    ----------
    dy : (..., D) array
        Gradient of the loss with respect to `y`.
    ids : (...) int array
        Input of :func:`embedding`.
    n_rows : int
        V, the number of rows of the table.

    Returns
    -------
    dW : (V, D) array

    Derivation: docs/derivations/embedding.md, equation (5).
    Notebook: notebooks/03_embeddings.ipynb.
    """
    check_ids(ids, n_rows)
    dW = array_module(dy).zeros((n_rows, dy.shape[-1]), dy.dtype)
    # y_t = W[ids_t]
    rows, dW_rows = embedding_row_gradients(dy, ids, n_rows)
    dW[rows] = dW_rows
    return dW


@in_one_dtype
def embedding_row_gradients(dy, ids, n_rows):
    r"""The rows of :func:`embedding_backward`'s result that are not zero.

    A batch uses few rows of a large table, so it is much faster to add only these rows to a
    gradient.

    Parameters
    ----------
    dy : (..., D) array
        Gradient of the loss with respect to `y`.
    ids : (...) int array
        Input of :func:`embedding`.
    n_rows : int
        V, the number of rows of the table.

    Returns
    -------
    rows : (m,) int array
        The ids that occur, each once. On a GPU, `rows` is a slice of all V rows instead, because
        finding out which ids occur would make the host wait.
    dW_rows : (m, D) array
        :math:`\partial L / \partial W_v` for each of them.
    """
    return embedding_gradient_rows(ids.reshape(-1), dy.reshape(ids.size, dy.shape[-1]), n_rows)
