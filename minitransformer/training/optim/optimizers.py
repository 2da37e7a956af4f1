r"""Optimisers: how a gradient becomes a step.

Each optimiser works in place on one flat array with all parameters, and has its state in flat
arrays of the same length and dtype. Formulas and order of operations are those of ``torch.optim``.

Symbols: :math:`\theta` are the parameters, :math:`g` is the gradient, :math:`\eta` the learning
rate, and :math:`t` the step, counted from 1.
"""

from minitransformer.checks import check_number, lookup
from minitransformer.training.optim.optimizer import Optimizer


class SGD(Optimizer):
    r"""Stochastic gradient descent, optionally with momentum and Nesterov's look-ahead.

    .. math:: b_t = \mu b_{t-1} + g_t, \qquad
              \theta_t = \theta_{t-1} - \eta\, b_t
              \quad\text{or, Nesterov,}\quad
              \theta_t = \theta_{t-1} - \eta\,(g_t + \mu b_t)

    with :math:`b_0 = 0`; without momentum :math:`\theta_t = \theta_{t-1} - \eta\, g_t`.

    Parameters
    ----------
    learning_rate : float
        :math:`\eta` > 0.
    momentum : float
        :math:`\mu`, at least 0 and below 1.
    nesterov : bool
        Whether to take the gradient step from the point to which the momentum leads; needs
        momentum > 0.

    Source: Polyak, "Some methods of speeding up the convergence of iteration methods", 1964
    (the heavy ball); Nesterov, "A method of solving a convex programming problem with convergence
    rate O(1/k^2)", 1983, in the form of Sutskever et al., "On the importance of initialization and
    momentum in deep learning", 2013, written for the look-ahead point.
    """

    def __init__(self, learning_rate=0.01, momentum=0.0, nesterov=False):
        super().__init__(learning_rate)
        self.momentum = check_number("momentum", momentum, 0, below=1)
        self.nesterov = bool(nesterov)
        if self.nesterov and not self.momentum:
            raise ValueError("momentum must be > 0 if nesterov=True, got 0.0")

    @property
    def slots(self):
        return ("momentum",) if self.momentum else ()

    def update(self, xp, theta, g, rate, scratch, b=None):
        s, _ = scratch
        if b is None:
            xp.multiply(g, rate, out=s)
        else:
            b *= self.momentum
            b += g
            if self.nesterov:
                xp.multiply(b, self.momentum, out=s)
                s += g
                s *= rate
            else:
                xp.multiply(b, rate, out=s)
        theta -= s


class Momentum(SGD):
    """:class:`SGD` with a default momentum of 0.9."""

    def __init__(self, learning_rate=0.01, momentum=0.9, nesterov=False):
        super().__init__(learning_rate, momentum, nesterov)


class Nesterov(SGD):
    """:class:`SGD` with Nesterov's momentum, 0.9 by default."""

    def __init__(self, learning_rate=0.01, momentum=0.9):
        super().__init__(learning_rate, momentum, nesterov=True)


class AdaGrad(Optimizer):
    r"""A learning rate for each parameter, which falls as the squares of its gradients add up.

    .. math:: s_t = s_{t-1} + g_t^2, \qquad
              \theta_t = \theta_{t-1} - \eta\, \frac{g_t}{\sqrt{s_t} + \epsilon}

    Parameters
    ----------
    learning_rate : float
        :math:`\eta` > 0.
    eps : float
        :math:`\epsilon` > 0.

    Source: Duchi, Hazan, Singer, "Adaptive subgradient methods for online learning and stochastic
    optimization", 2011, figure 1 with the diagonal matrix.
    """

    slots = ("squares",)

    def __init__(self, learning_rate=0.01, eps=1e-10):
        super().__init__(learning_rate)
        self.eps = check_number("eps", eps, above=0)

    def update(self, xp, theta, g, rate, scratch, squares):
        s, u = scratch
        xp.multiply(g, g, out=s)
        squares += s
        xp.sqrt(squares, out=s)
        s += self.eps
        xp.divide(g, s, out=u)
        u *= rate
        theta -= u


class RMSProp(Optimizer):
    r"""AdaGrad with a running mean of the squared gradients in place of their sum.

    .. math:: v_t = \rho v_{t-1} + (1-\rho) g_t^2, \qquad
              \theta_t = \theta_{t-1} - \eta\, \frac{g_t}{\sqrt{v_t} + \epsilon}

    Parameters
    ----------
    learning_rate : float
        :math:`\eta` > 0.
    rho : float
        :math:`\rho`, at least 0 and below 1.
    eps : float
        :math:`\epsilon` > 0.

    Source: Tieleman and Hinton, "Lecture 6.5 - RMSProp", Neural networks for machine learning,
    2012.
    """

    slots = ("v",)

    def __init__(self, learning_rate=0.01, rho=0.99, eps=1e-8):
        super().__init__(learning_rate)
        self.rho = check_number("rho", rho, 0, below=1)
        self.eps = check_number("eps", eps, above=0)

    def update(self, xp, theta, g, rate, scratch, v):
        s, u = scratch
        xp.multiply(g, g, out=s)
        s *= 1.0 - self.rho
        v *= self.rho
        v += s
        xp.sqrt(v, out=s)
        s += self.eps
        xp.divide(g, s, out=u)
        u *= rate
        theta -= u


class Adam(Optimizer):
    r"""Steps from running means of gradient and squared gradient, corrected for starting at zero.

    .. math:: m_t = \beta_1 m_{t-1} + (1-\beta_1) g_t, \qquad
              v_t = \beta_2 v_{t-1} + (1-\beta_2) g_t^2

    .. math:: \theta_t = \theta_{t-1} - \eta\,
              \frac{m_t / (1-\beta_1^t)}{\sqrt{v_t / (1-\beta_2^t)} + \epsilon}

    Parameters
    ----------
    learning_rate : float
        :math:`\eta` > 0.
    beta1, beta2 : float
        :math:`\beta_1` and :math:`\beta_2`, at least 0 and below 1.
    eps : float
        :math:`\epsilon` > 0.

    Source: Kingma and Ba, "Adam: a method for stochastic optimization", 2015, algorithm 1.
    """

    slots = ("m", "v")
    kernel = "adam"

    def __init__(self, learning_rate=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
        super().__init__(learning_rate)
        self.beta1 = check_number("beta1", beta1, 0, below=1)
        self.beta2 = check_number("beta2", beta2, 0, below=1)
        self.eps = check_number("eps", eps, above=0)

    def update(self, xp, theta, g, rate, scratch, m, v):
        s, u = scratch
        xp.subtract(g, m, out=s)
        s *= 1.0 - self.beta1
        m += s  # m + (1 - beta1)(g - m): the mean in one addition
        xp.multiply(g, g, out=s)
        s *= 1.0 - self.beta2
        v *= self.beta2
        v += s
        xp.sqrt(v, out=s)
        s /= (1.0 - self.beta2**self.t) ** 0.5
        s += self.eps
        xp.divide(m, s, out=u)
        u *= rate / (1.0 - self.beta1**self.t)
        theta -= u

    def numbers(self, rate):
        betas = {"beta1": self.beta1, "beta2": self.beta2}
        return {**betas, "eps": self.eps, "rate": rate, "t": self.t}


class AdamW(Adam):
    r"""Adam with weight decay that acts on the parameters directly, not through the running means.

    .. math:: \theta_t = (1 - \eta\lambda)\,\theta_{t-1} - \eta\,
              \frac{m_t / (1-\beta_1^t)}{\sqrt{v_t / (1-\beta_2^t)} + \epsilon}

    Parameters
    ----------
    learning_rate, beta1, beta2, eps : float
        As for :class:`Adam`.
    weight_decay : float
        :math:`\lambda` >= 0.

    Source: Loshchilov and Hutter, "Decoupled weight decay regularization", 2019, algorithm 2.
    """

    def __init__(self, learning_rate=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.01):
        super().__init__(learning_rate, beta1, beta2, eps)
        self.weight_decay = check_number("weight_decay", weight_decay, 0)

    def shrink(self, xp, theta, rate, scratch, decay):
        if decay is None:
            theta *= 1.0 - rate * self.weight_decay
        else:
            xp.multiply(theta, decay, out=scratch)  # zero for parameters without decay
            scratch *= rate * self.weight_decay
            theta -= scratch


NAMES = {c.__name__.lower(): c for c in (SGD, Momentum, Nesterov, AdaGrad, RMSProp, Adam, AdamW)}


def get(optimizer):
    """An optimiser from its name, its class or an object.

    Raises
    ------
    ValueError
        If the name is unknown; the message suggests close matches.
    """
    if isinstance(optimizer, Optimizer):
        return optimizer
    if isinstance(optimizer, type) and issubclass(optimizer, Optimizer):
        return optimizer()
    return lookup("optimizer", optimizer, NAMES)()
