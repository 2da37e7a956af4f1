"""What training minimises and what it reports: the losses, and the metrics."""
