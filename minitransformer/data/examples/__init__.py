"""From token ids to batches: examples for each kind of model, windows, pairs and padding."""
