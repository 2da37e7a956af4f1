"""Random inputs for the recurrent functions: ``example(rng, **sizes)``.

You can fix a size by its letter: B texts of T tokens, D features, a state of E numbers. ``mask``
says whether there is a mask, and ``share`` how many of its entries are tokens. ``reverse`` says in
which direction the steps go. Everything else is random, and sizes are small.
"""


def _recurrence(rng, sizes, gates, biases, states):
    B, T, D, E = (sizes[n] if n in sizes else int(rng.integers(1, 4)) for n in "BTDE")
    inputs = {
        "x": rng.standard_normal((B, T, D)),
        "W": rng.standard_normal((D, gates * E)),
        "U": rng.standard_normal((E, gates * E)),
        **{name: rng.standard_normal(gates * E) for name in biases},
        **{name: rng.standard_normal((B, E)) for name in states},
        "reverse": sizes["reverse"] if "reverse" in sizes else bool(rng.random() < 0.5),
    }
    if sizes.get("mask", rng.random() < 0.7):
        inputs["mask"] = rng.random((B, T)) < sizes.get("share", 0.7)
    return inputs


def rnn(rng, **sizes):
    return _recurrence(rng, sizes, 1, ("b",), ("h0",))


def lstm(rng, **sizes):
    return _recurrence(rng, sizes, 4, ("b",), ("h0", "c0"))


def gru(rng, **sizes):
    return _recurrence(rng, sizes, 3, ("b", "d"), ("h0",))
