"""The exercises themselves: for each topic of the notebooks, a file with a list ``EXERCISES``.

An exercise in such a list has the cases on which a function is tried, three hints, and the mistakes
that can be recognised. ``registry`` collects all exercises, ``entries`` has short functions for
writing one, and ``optimiser_steps`` has two functions that are not in
``minitransformer.functional``.
"""
