"""The decoder-only model, which scores the next token at every position of a text."""

from typing import Any, NamedTuple

from minitransformer.backend import array_module
from minitransformer.layers import (
    Dropout,
    Embedding,
    EncoderBlock,
    FlatParameters,
    draw_normal,
)
from minitransformer.layers.shown import by_shape
from minitransformer.models.config import GPTConfig
from minitransformer.models.decoding_state import AttentionInputs, DecodingState, from_the_start
from minitransformer.models.network import check_dlogits
from minitransformer.models.pretrained.pretrained import load_pretrained
from minitransformer.models.sequence_model import SequenceModel
from minitransformer.training.example_kinds import TokenSequences

INITIAL_STD = 0.02
RESIDUAL_WEIGHTS = ("attention.W_o.W", "feed_forward.linear2.W", "feed_forward.down.W")


@by_shape
class GPTCache(NamedTuple):
    """Every intermediate value of a forward pass, by name: ``cache.blocks[0].attention.P``.

    hidden (B, T, D) is the input of the head.
    """

    embedding: Any
    embedded: Any
    positions: Any
    dropout: Any
    blocks: tuple
    norm: Any
    hidden: Any
    head: Any


class GPT(SequenceModel):
    r"""Decoder-only transformer: every token is predicted from the tokens before it.

    .. math::
        h^0 &= W_{\mathrm{ids}} + P, \qquad h^n = \mathrm{Block}_n(h^{n-1}) \\
        \mathrm{logits} &= \mathrm{LN}(h^N) \, W^\top

    The defaults are GPT-2's layout; ``GPT(GPTConfig.llama(...))`` is a Llama-style model. A block
    is :class:`~minitransformer.layers.EncoderBlock` under a causal mask.

    Initial weights are normal with standard deviation 0.02, or :math:`0.02 / \sqrt{2N}` if their
    output is added to the residual stream. Biases start at 0 and gains at 1.

    Parameters
    ----------
    config : GPTConfig or dict, optional
        A whole config.
    **options
        Fields of :class:`GPTConfig`, in place of `config` or in addition to it.

    Raises
    ------
    TypeError
        If an option is unknown; the message suggests close matches.
    ValueError
        If a value is out of range; the message says what is allowed.

    Source: Radford et al. 2019, section 2.3; Llama: Touvron et al. 2023, section 2.2.
    """

    Config = GPTConfig
    learns_from = TokenSequences()
    tokenizer, end_ids = None, ()  # set by from_pretrained

    def __init__(self, config=None, **options):
        settings, shared = self._configure(config, options)
        D, rng = settings.d_model, shared["rng"]
        self.embedding = Embedding(self.vocab_size, D, scale=settings.scale, **shared)
        self.positions = self._make_positions(rng)
        self.dropout = Dropout(settings.dropout, ops=self.ops)
        self.attention_inputs = AttentionInputs(settings)
        self.blocks = [
            EncoderBlock(D, settings.n_heads, settings.hidden, **settings.block_options(), **shared)
            for _ in range(settings.n_layers)
        ]
        self.final_norm = self._make_final_norm()
        self.head = self._make_token_head(self.embedding, self.vocab_size, shared)
        self._draw_weights(rng)
        self.flat = FlatParameters(self.parameters())

    @classmethod
    def from_pretrained(cls, folder, *, tokenizer=True, **options):
        """Load a pretrained model from a folder in Hugging Face's layout.

        Parameters
        ----------
        folder : path-like
            The folder contains the ``config.json`` of a GPT-2, Llama or Mistral model,
            ``model.safetensors`` (or several files and their index), and possibly a byte-level BPE
            tokenizer.
        tokenizer : bool
            Whether to read the tokenizer too, into ``model.tokenizer``. If the tokenizer's file
            puts a start token before every text, as Llama 3's does, its ``encode`` does so too, and
            the model continues from there. Generation never chooses an id that the tokenizer does
            not have.
        **options
            dtype (by default float64 if ``config.json`` says so, and float32 if not), dropout (by
            default the value in ``config.json``), seed, attention and ops, as in
            :class:`GPTConfig`. The folder determines all other settings.

        Returns
        -------
        GPT
            Its `end_ids` are the tokens that end a text according to ``generation_config.json`` or
            ``config.json``. Generation stops at each of them by default.

        Raises
        ------
        ValueError
            If the config needs a feature that these models do not have (the message names the key),
            if arrays are missing, unexpected or of the wrong shape, or if a file is damaged.
        FileNotFoundError
            If a file is missing.
        """
        return load_pretrained(cls, folder, tokenizer=tokenizer, **options)

    def _draw_weights(self, rng):
        for name, parameter in self.parameters().items():
            if len(parameter.shape) > 1:
                std = INITIAL_STD
                if name.endswith(RESIDUAL_WEIGHTS):
                    std /= (2 * len(self.blocks)) ** 0.5
                draw_normal(rng, std, parameter.value)

    def forward(self, ids, *, mask=None, rng=None):
        """Scores for the token that follows each token.

        Parameters
        ----------
        ids : (B, T) int array
        mask : (B, T) bool array, optional
            True = a real token. Padding comes after the tokens, where no token sees it. The mask is
            only checked: it does not change the result. Scores at padding have no meaning.
        rng : Generator, optional
            Turns dropout on.

        Returns
        -------
        logits : (B, T, V) array
        cache : GPTCache

        Raises
        ------
        TypeError, ValueError
            If ids or mask have the wrong shape, type or range, or padding precedes a token.
        """
        self._check_batch(ids, mask, self.vocab_size)
        x, embedded = self._embed(ids, self.embedding, self.positions, rng)
        xp = array_module(x)
        inputs = self.attention_inputs.of(from_the_start(ids.shape[1], xp), xp)
        x, blocks, norm = self._through(self.blocks, self.final_norm, x, rng=rng, **inputs)
        logits, head = self.head.forward(x)
        return logits, GPTCache(*embedded, blocks, norm, x, head)

    def backward(self, dlogits, cache):
        """Add to every parameter's gradient.

        Parameters
        ----------
        dlogits : (B, T, V) array
            Gradient of the loss with respect to the logits; 0 at padding.
        cache : GPTCache
            From :meth:`forward`.

        Returns
        -------
        dembedded : (B, T, D) array
            Gradient with respect to the embedded tokens; ids themselves have no gradient.

        Raises
        ------
        ValueError
            If `dlogits` does not have the shape of the logits.
        """
        check_dlogits(dlogits, (*cache.hidden.shape[:2], self.vocab_size))
        dx = self.head.backward(dlogits, cache.head)
        dx = self._back_through(self.blocks, self.final_norm, dx, cache)
        return self._embed_backward(dx, self.embedding, self.positions, cache)

    def start(self, n_rows, capacity):
        """Start decoding `n_rows` sequences of up to `capacity` tokens, padding included.

        Returns
        -------
        DecodingState

        Raises
        ------
        TypeError, ValueError
            If either is not a whole number, `n_rows` is negative, or `capacity` is outside
            1 .. max_len.
        """
        self._check_capacity(capacity)
        return DecodingState(n_rows, len(self.blocks), capacity)

    def extend(self, ids, state, *, mask=None, last=False):
        """Scores for the token that follows each new token; the earlier tokens are in `state`.

        The scores are the same as those that :meth:`forward` computes for whole sequences.

        Parameters
        ----------
        ids : (B, T) int array
            The next tokens.
        state : DecodingState
            From :meth:`start`; it is updated.
        mask : (B, T) bool array, optional
            False = padding. Prompts of different lengths are padded on the left. Only real tokens
            count for the positions.
        last : bool
            Whether to compute scores only after the last token of each sequence.

        Returns
        -------
        logits : (B, T, V) array, or (B, V) with `last`

        Raises
        ------
        TypeError, ValueError
            If ids or mask have the wrong shape, type or range, if the tokens exceed the capacity,
            or if `last` is set and there are no tokens.
        """
        self._check_batch(ids, mask, self.vocab_size, padding="left")
        tokens = state.advance(*ids.shape, mask, last)
        x = self.embedding(ids)
        if self.positions is not None:
            x = self.positions.extend(x, tokens.first)
        inputs = self.attention_inputs.of(tokens, array_module(x))
        for block, kv_cache in zip(self.blocks, state.kv_caches, strict=True):
            x = block.extend(x, kv_cache, **inputs)
        if last:
            x = x[:, -1]
        if self.final_norm is not None:
            x = self.final_norm(x)
        return self.head(x)
