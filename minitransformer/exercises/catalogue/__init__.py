"""The exercises themselves: for each topic of the notebooks, a file with a list ``EXERCISES``.

An entry gives the cases that a function is tried on, three hints, and the mistakes that can be
named. ``registry`` collects all entries, ``entries`` has short forms for writing one, and
``optimiser_steps`` has the two functions that are not in ``minitransformer.functional``.
"""
