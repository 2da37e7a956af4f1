"""The record of a run's texts: which were trained on, validated on and tested on.

A run keeps hashes of its texts, not the texts. So a later evaluation finds the test texts again
even if rows have been added to the file, and it can say how many texts of another file the model
has seen.
"""

import json
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np

from minitransformer.storage import load_arrays, save_arrays, strict_json

FORMAT = "minitransformer texts 1"
UNKNOWN = "this run keeps no record of its texts, so it is not known"
"""The beginning of a message about a run from before there were records."""


class TextRecord(NamedTuple):
    """Hashes of the texts of a run, and of the files that they came from.

    Attributes
    ----------
    parts : dict of str to (n,) uint64 array
        For each part, such as "train", the sorted hashes of its different texts.
    files : dict of str to str
        SHA-256 of each file by its field in the run's Source, such as "file" or "target".
    """

    parts: dict
    files: dict

    @classmethod
    def of(cls, source, parts):
        """The record of a run.

        Parameters
        ----------
        source : Source
        parts : dict of str to list of str
            The texts of each part.
        """
        hashed = {name: np.unique(hashes(texts)) for name, texts in parts.items()}
        return cls(hashed, {name: file_hash(path) for name, path in source.files().items()})

    def save(self, path):
        """Write the record to a file."""
        save_arrays(path, self.parts, {"format": FORMAT, "files": json.dumps(self.files)})

    @classmethod
    def load(cls, path):
        """Read what :meth:`save` wrote; ValueError if the file is not a record."""
        parts, metadata = load_arrays(path)
        if metadata.get("format") != FORMAT:
            raise ValueError(f"{path} is not a record of texts")
        return cls(parts, strict_json(metadata["files"]))

    def has(self, part, texts):
        """Which of the `texts` are in the `part` of the run, (n,) bool."""
        return np.isin(hashes(texts), self.parts.get(part, np.zeros(0, np.uint64)))

    def changed(self, parts, names):
        """The first of the parts called `names` whose texts are not those of the run, or None.

        Parameters
        ----------
        parts : dict of str to list of str
            The texts of each part, as they are now.
        names : iterable of str
        """
        for name in names:
            now = np.unique(hashes(parts[name]))
            if name in self.parts and not np.array_equal(now, self.parts[name]):
                return name
        return None

    def pick(self, part, texts, on_progress):
        """The positions of those `texts` that were in a `part` when the run began.

        Raises
        ------
        ValueError
            If a text of the part is missing.
        """
        now = hashes(texts)
        missing = len(np.setdiff1d(self.parts[part], now))
        if missing:
            raise ValueError(
                f"the data have changed since training: {missing:,} of the "
                f"{len(self.parts[part]):,} {part} texts are missing; to score all of a file, "
                "give it with --data"
            )
        new = int((~np.isin(now, np.concatenate(list(self.parts.values())))).sum())
        on_progress(f"texts added since training, which are not scored: {new:,}")
        return np.flatnonzero(np.isin(now, self.parts[part]))

    def is_copy(self, source, *names):
        """Whether files of `source`, by name, have the content that they had at the beginning."""
        files = source.files()
        return all(self.files.get(name) == file_hash(files[name]) for name in names)


def hashes(texts):
    """The first eight bytes of the SHA-256 of each text, (n,) uint64."""
    found = [
        int.from_bytes(sha256(text.encode("utf-8", "surrogatepass")).digest()[:8], "little")
        for text in texts
    ]
    return np.array(found, dtype=np.uint64)


def file_hash(path):
    """SHA-256 of a file, in hexadecimal; None if there is no such file."""
    return sha256(Path(path).read_bytes()).hexdigest() if Path(path).is_file() else None
