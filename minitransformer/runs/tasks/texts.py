"""What a run knows of its texts, and how another file is judged: the part of a task about that."""

from dataclasses import replace

from minitransformer.data.corpora.another_table import options_for
from minitransformer.runs.progress import silent
from minitransformer.runs.tasks.options import refuse_option


class TaskTexts:
    """The base of every task; these methods suit a task that makes its own texts."""

    name = None

    def parts_of(self, texts):
        """The texts of each part, as a dict of lists, for the run's record; {} if made here."""
        return {}

    def restored(self, texts, record, on_progress=silent):
        """The data of a run whose file has changed, with the parts that they had when it began.

        Parameters
        ----------
        texts
            What :meth:`load` returned.
        record : TextRecord
        on_progress : function of str
            Receives a line about texts that are new.

        Raises
        ------
        ValueError
            If a text to be judged is no longer there.
        """
        raise ValueError(
            "the text has changed since training, so its last part is not the one that was held "
            "out: to score all of it, give it with --data"
        )

    def of_another_file(self, source, own, given, on_progress=silent):
        """The `source`, with the options by which its table is read.

        Parameters
        ----------
        source : Source
            Another file than the run's own.
        own : Source
            Where the data of the run come from.
        given : dict
            Fields of TableOptions that were given for the file.
        on_progress : function of str
            Receives a line about an encoding.
        """
        if own.table is None or source.text_column is None:  # not a table, or an old run
            return source
        table = options_for(
            source.file, source.text_column, source.label_column, own.table, given, on_progress
        )
        return replace(source, table=table)

    def load_file(self, folder, source, on_progress=silent):
        """Everything in a file, as one part, to be judged by :meth:`evaluate_file`.

        Parameters
        ----------
        folder : RunFolder
        source : Source
            The file, and how it is written.
        on_progress : function of str
            As in :meth:`read`.

        Returns
        -------
        part
        texts : list of str
            The texts of which the record may have some.
        """
        refuse_option(self.name, "data")

    def evaluate_file(self, folder, model, part, seen, windows=None, on_progress=silent):
        """Judge the model on all of a file.

        Parameters
        ----------
        folder, model, windows, on_progress
            As in :meth:`evaluate`.
        part
            What :meth:`load_file` returned.
        seen : (n,) bool array or None
            Which of the texts the model was trained or validated on; None if it is not known.

        Returns
        -------
        dict of str to number or text
        """
        raise NotImplementedError
