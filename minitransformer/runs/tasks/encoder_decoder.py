"""What the tasks that turn one text into another have in common."""

import numpy as np

from minitransformer import inference, plots
from minitransformer.runs.figures import MAX_TOKENS, save_figure
from minitransformer.runs.tasks.task import Prepared, Task


class EncoderDecoder(Task):
    """An encoder reads a text, and a decoder generates another."""

    def compile_options(self, tokenizer):
        return {"start_id": tokenizer.start_id, "end_id": tokenizer.end_id}

    def parts(self, texts):
        """Two pairs (sources, targets) of lists of texts: one for training, one for validation."""
        raise NotImplementedError

    def prepare(self, texts, tokenizer, recipe):
        (train, long), (validation, long_too) = (
            encode_pairs(*part, tokenizer, recipe.max_len) for part in self.parts(texts)
        )
        summary = f"{len(train[0]):,} pairs to train on, {len(validation[0]):,} to validate on"
        if left_out := long + long_too:
            summary += f" ({left_out:,} of more than {recipe.max_len} tokens left out)"
        return Prepared(train, validation, summary)

    def write(self, model, tokenizer, texts, beams=1, length_penalty=1.0):
        """The model's output for each of `texts`.

        Parameters
        ----------
        model : Transformer
        tokenizer : tokenizer
        texts : list of str
            A text with more tokens than the model can read is truncated.
        beams : int
            Number of beams; 1 is greedy.
        length_penalty : float
            For more than one beam: a higher value favours longer texts.

        Returns
        -------
        list of str
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
    """What the encoder reads: at most `max_len` - 1 ids of `text`, and the end token."""
    ids = tokenizer.encode(text)
    return np.append(ids if max_len is None else ids[: max_len - 1], tokenizer.end_id)


def encode_pairs(sources, targets, tokenizer, max_len):
    """The ids of the pairs that fit into a model, and the number of pairs that do not.

    Parameters
    ----------
    sources, targets : lists of str
    tokenizer : tokenizer
    max_len : int
        Maximum number of tokens of a source with its end token, and of a target with its start or
        end token.

    Returns
    -------
    (sources, targets) : lists of int arrays
    left_out : int
        Number of pairs that are too long.

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
        raise ValueError(
            f"none of the {len(pairs)} pairs of texts fits into max_len = {max_len} tokens"
        )
    return tuple(map(list, zip(*fit, strict=True))), len(pairs) - len(fit)


def draw_cross_attention(folder, model, source, target):
    """Write cross_attention.png: which tokens of `source` each token of `target` attends to."""
    tokenizer, blocks = folder.tokenizer, model.settings.depth
    if not blocks:
        return
    x = encode_source(tokenizer, source, model.max_len)
    y = np.append(tokenizer.start_id, tokenizer.encode(target))[: model.max_len]
    _, cache = model.forward(x[None], y[None])
    P = cache.decoder.blocks[-1].cross_attention.P[0, :, :MAX_TOKENS, :MAX_TOKENS]
    # A row is labelled with the token generated there, the one after the decoder's last input.
    written = np.append(y[1:], tokenizer.end_id)
    rows, columns = ([tokenizer.tokens[i] for i in ids[:MAX_TOKENS]] for ids in (written, x))
    figure = plots.attention(P, rows, columns)
    figure.suptitle(
        f"cross-attention of block {blocks}: which tokens are read while one is written"
    )
    save_figure(figure, folder.path / "cross_attention.png")
