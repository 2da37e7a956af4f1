"""What the tasks that turn a text into a text share."""

import numpy as np

from minitransformer import inference, models, plots
from minitransformer.runs.figures import MAX_TOKENS, save_figure
from minitransformer.runs.tasks.task import Prepared, Task


class EncoderDecoder(Task):
    """An encoder reads a text, a decoder writes another."""

    @property
    def model_class(self):
        return models.Transformer

    def compile_options(self, tokenizer):
        return {"start_id": tokenizer.start_id, "end_id": tokenizer.end_id}

    def parts(self, texts):
        """Sources and targets, lists of texts, to train on and to validate on."""
        raise NotImplementedError

    def prepare(self, texts, tokenizer, recipe):
        (train, long), (validation, longer) = (
            encode_pairs(*part, tokenizer, recipe.max_len) for part in self.parts(texts)
        )
        words = f"{len(train[0]):,} pairs to train on, {len(validation[0]):,} to validate on"
        if long or longer:
            words += f" ({long + longer:,} of more than {recipe.max_len} tokens left out)"
        return Prepared(train, validation, f"{words}, {len(tokenizer):,} tokens")

    def write(self, model, tokenizer, texts, beams=1, length_penalty=1.0):
        """What the model makes of each of `texts`, a list of str.

        Parameters
        ----------
        model : Transformer
        tokenizer : tokenizer
        texts : list of str
            One of more tokens than the model reads is cut off.
        beams : int
            1 is greedy.
        length_penalty : float
            For more than one beam.
        """
        sources = [encode_source(tokenizer, text, model.max_len) for text in texts]
        ends = {"start_id": tokenizer.start_id, "end_id": tokenizer.end_id}
        if beams == 1:
            found = inference.generate(model, sources, greedy=True, **ends)
        else:
            found, _ = inference.beam_search(
                model, sources, beams=beams, length_penalty=length_penalty, **ends
            )
        return [tokenizer.decode(ids) for ids in found]


def encode_source(tokenizer, text, max_len=None):
    """What the encoder reads: the ids of `text`, at most `max_len` - 1 of them, and the end."""
    ids = tokenizer.encode(text)
    return np.append(ids if max_len is None else ids[: max_len - 1], tokenizer.end_id)


def encode_pairs(sources, targets, tokenizer, max_len):
    """Ids of the pairs that fit a model, and how many do not.

    Parameters
    ----------
    sources, targets : lists of str
    tokenizer : tokenizer
    max_len : int
        Most tokens of a source with its end, and of a target with its start or its end.

    Returns
    -------
    (sources, targets) : lists of int arrays
    left_out : int

    Raises
    ------
    ValueError
        If no pair fits.
    """
    pairs = [
        (encode_source(tokenizer, source), tokenizer.encode(target))
        for source, target in zip(sources, targets, strict=True)
    ]
    fit = [(x, y) for x, y in pairs if len(x) <= max_len and len(y) < max_len]
    if not fit:
        raise ValueError(f"none of {len(pairs)} pairs of texts fits max_len = {max_len} tokens")
    return tuple(map(list, zip(*fit, strict=True))), len(pairs) - len(fit)


def draw_cross_attention(folder, model, source, target):
    """Write cross_attention.png: which tokens of `source` each token of `target` looks at."""
    tokenizer, blocks = folder.tokenizer, model.settings.depth
    if not blocks:
        return
    x = encode_source(tokenizer, source, model.max_len)
    y = np.append(tokenizer.start_id, tokenizer.encode(target))[: model.max_len]
    _, cache = model.forward(x[None], y[None])
    P = cache.decoder.blocks[-1].cross_attention.P[0, :, :MAX_TOKENS, :MAX_TOKENS]
    # A row is named by the token that is written there, one behind the one that is read.
    written = np.append(y[1:], tokenizer.end_id)
    rows, columns = ([tokenizer.tokens[i] for i in ids[:MAX_TOKENS]] for ids in (written, x))
    figure = plots.attention(P, rows, columns)
    figure.suptitle(f"cross-attention of block {blocks}: what is read while a token is written")
    save_figure(figure, folder.path / "cross_attention.png")
