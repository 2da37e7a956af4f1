"""What a transformer has to beat: linear models on counts of words."""
