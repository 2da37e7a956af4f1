"""BLEU scores, computed by sacrebleu if it is installed."""

import importlib.util

INSTALL = 'python -m pip install -e ".[bleu]"'


def available():
    """Whether sacrebleu is installed."""
    return importlib.util.find_spec("sacrebleu") is not None


def bleu(hypotheses, references):
    """Case-sensitive BLEU of detokenised texts, with the tokenizer 13a.

    Parameters
    ----------
    hypotheses, references : lists of str
        Lists of the same length: one reference per hypothesis.

    Returns
    -------
    score : float
        0 to 100.
    signature : str
        How the score was computed. Quote it with the score.

    Source: Papineni et al. 2002; Post 2018, "A call for clarity in reporting BLEU scores".
    """
    from sacrebleu.metrics import BLEU

    metric = BLEU(tokenize="13a", lowercase=False)
    result = metric.corpus_score(hypotheses, [references])
    return result.score, str(metric.get_signature())
