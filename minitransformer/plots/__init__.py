"""Figures of training, of attention, and for explanations.

Every function returns a `matplotlib.figure.Figure` and changes no global state. In a notebook, make
the figure the last line of a cell, or call ``figure.savefig("name.png")``. matplotlib is imported
inside the functions, so only a program that draws has to load it. The colours (after Okabe and Ito)
can be distinguished with every kind of colour blindness. Lines also differ in style, and in heat
maps larger numbers are darker, so that figures can be printed in grey.
"""

from minitransformer.plots.attribution import bars, heads
from minitransformer.plots.canvas import BLUE, GREY, HEAT, ORANGE, blank
from minitransformer.plots.plane import arrows, points, regions
from minitransformer.plots.reading import attention, words
from minitransformer.plots.teaching import Panel, lines, numbers, paths
from minitransformer.plots.training import confusion, curves
