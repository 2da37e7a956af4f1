r"""The two optimiser steps that are exercises, as pure functions.

The optimisers of ``minitransformer.training`` work in place on one flat array. A test checks that
these functions give the same numbers as those optimisers.
"""


def sgd_momentum_step(theta, g, v, lr, beta):
    r"""One step of gradient descent with momentum.

    .. math:: v_t = \beta v_{t-1} + g, \qquad \theta_t = \theta_{t-1} - \eta \, v_t

    Parameters
    ----------
    theta, g, v : (...) arrays
        Parameters, gradient, velocity.
    lr, beta : float
        Learning rate, and the fraction of the old velocity that is kept.

    Returns
    -------
    theta, v : (...) arrays
        The new parameters and the new state, in new arrays.

    Source: Polyak 1964.
    """
    v = beta * v + g
    return theta - lr * v, v


def adamw_step(theta, g, m, v, t, lr, beta1, beta2, eps, weight_decay):
    r"""One step of AdamW, or, with ``weight_decay=0``, of Adam.

    .. math::
        m_t &= \beta_1 m_{t-1} + (1 - \beta_1) g, \qquad
        v_t = \beta_2 v_{t-1} + (1 - \beta_2) g^2 \\
        \theta_t &= \theta_{t-1} - \eta \lambda \theta_{t-1}
        - \eta \, \frac{m_t / (1 - \beta_1^t)}{\sqrt{v_t / (1 - \beta_2^t)} + \epsilon}

    Parameters
    ----------
    theta, g, m, v : (...) arrays
        Parameters, gradient, and the running means of the gradient and of its square.
    t : int
        The number of this step, counted from 1.
    lr, beta1, beta2, eps, weight_decay : float
        Learning rate, decay rates of the two means, number added to the root, weight decay.

    Returns
    -------
    theta, m, v : (...) arrays
        The new parameters and the new state, in new arrays.

    Source: Kingma and Ba 2015, algorithm 1; Loshchilov and Hutter 2019, algorithm 2.
    """
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    theta = theta - lr * weight_decay * theta - lr * m_hat / (v_hat**0.5 + eps)
    return theta, m, v
