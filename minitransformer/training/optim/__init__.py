"""How parameters move: optimisers, learning-rate schedules, regularisation."""
