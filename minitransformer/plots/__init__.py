"""Figures of training and of what a model looks at.

Every function returns a `matplotlib.figure.Figure` and touches no global state: show it in a
notebook by naming it, or call ``figure.savefig("name.png")``. matplotlib is imported inside the
functions, so that nothing but drawing pays for it. The colours are told apart with every kind of
colour blindness (after Okabe and Ito), lines differ in style as well, and in heat maps darker is
more, so that all of it survives printing in grey.
"""

from minitransformer.plots.attribution import bars, heads
from minitransformer.plots.canvas import BLUE, GREY, HEAT, ORANGE, blank
from minitransformer.plots.plane import arrows, points, regions
from minitransformer.plots.reading import attention, words
from minitransformer.plots.teaching import Panel, lines, numbers, paths
from minitransformer.plots.training import confusion, curves
