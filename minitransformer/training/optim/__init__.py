"""How parameters are updated: optimisers, learning-rate schedules, and regularisation."""
