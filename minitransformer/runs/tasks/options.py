"""Options that a task does not have, and what to do instead."""

ELSEWHERE = {
    ("classification", "target"): "for translations, add --task translation",
    ("language-model", "target"): "for translations, add --task translation",
    ("language-model", "label_column"): "for texts with classes, add --task classification",
    ("language-model", "validation_data"): "the end of --data is held out",
    ("language-model", "test_data"): "the end of --data is held out",
    ("language-model", "windows"): "a language model always reads in windows",
    ("translation", "validation_data"): "a part of --data is held out",
    ("translation", "test_data"): "a part of --data is held out",
}
"""What to do, for the name of a task and an option."""
TWO_FILES = (
    "it reads two files, --data and --target, with one sentence per line; cut -f1 and cut -f2 make "
    "them from a table with tabs"
)
READS = {"translation": TWO_FILES, "reverse": "its strings are made here"}
READS["copy"] = READS["reverse"]
"""What a task reads, for other options."""


def refuse_option(task, *names):
    """Raise a ValueError: the `task`, given by its name, does not have the options `names`."""
    given = " and ".join("--" + name.replace("_", "-") for name in names)
    verb = "is not an option" if len(names) == 1 else "are not options"
    hint = ELSEWHERE.get((task, names[0]))
    if hint is None and names[0] != "windows":
        hint = READS.get(task)
    raise ValueError(f"{given} {verb} of the task {task}" + (f": {hint}" if hint else ""))
