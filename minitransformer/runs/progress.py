"""How a run reports what it is doing: it passes lines of text to a function of the caller."""


def silent(line):
    """The default `on_progress`: shows nothing. The commands pass one that prints the line."""
