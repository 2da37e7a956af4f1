"""Files and notebooks that somebody hands in, each run in a process of its own."""
