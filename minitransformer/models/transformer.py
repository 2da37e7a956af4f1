"""The encoder-decoder of the paper's figure 1: a sentence goes in, another one comes out."""

from typing import Any, NamedTuple

from minitransformer.backend import array_module
from minitransformer.layers import DecoderBlock, Dropout, Embedding, FlatParameters
from minitransformer.models.config import TransformerConfig
from minitransformer.models.decoding_state import AttentionInputs, DecodingState, from_the_start
from minitransformer.models.encoding import Encoding, as_keys
from minitransformer.models.sequence_model import check_dlogits
from minitransformer.training.sequences import Translating


class DecoderCache(NamedTuple):
    """Every intermediate value of the right half; hidden (B, T, D) is what the head reads."""

    input: Any
    blocks: tuple
    norm: Any
    hidden: Any


class TransformerCache(NamedTuple):
    """A forward pass, by name: ``cache.decoder.blocks[0].cross_attention.P``."""

    encoder: Any
    decoder: Any
    head: Any


class Transformer(Encoding, Translating):
    r"""Encoder-decoder: a stack that reads the source, a stack that writes the target.

    .. math::
        m &= \mathrm{Encoder}(\sqrt{D} \, W_{\mathrm{source}} + P), \qquad
        h = \mathrm{Decoder}(\sqrt{D} \, W_{\mathrm{target}} + P, \, m) \\
        \mathrm{logits} &= h \, W^\top

    As published, norms stand behind the residual additions and none at the end of the stacks, and
    one table W embeds both languages and scores the target's tokens.

    Parameters
    ----------
    config : TransformerConfig or dict, optional
    **options
        Fields of :class:`TransformerConfig`, in place of `config` or in addition to it.

    Raises
    ------
    TypeError
        If an option is unknown; the message has the near ones.
    ValueError
        If a value is out of range; the message says what is allowed.

    Source: Vaswani et al. 2017, section 3 and figure 1.
    """

    Config = TransformerConfig

    def __init__(self, config=None, **options):
        settings, draws = self._begin(config, options)
        D, H = settings.d_model, settings.n_heads
        self.target_vocab_size = settings.target_vocab_size or self.vocab_size
        self._make_encoder(draws)
        self.target_embedding = self.source_embedding
        if settings.target_vocab_size is not None or not settings.tied:
            self.target_embedding = Embedding(
                self.target_vocab_size, D, scale=settings.scale, **draws
            )
        self.target_positions = self._positions(draws["rng"])
        self.decoder = [
            DecoderBlock(D, H, settings.d_ff, **settings.block_options(), **draws)
            for _ in range(settings.depth)
        ]
        self.decoder_norm = self._final_norm()
        self.head = self._head(self.target_embedding, self.target_vocab_size, draws)
        self.dropout = Dropout(settings.dropout, ops=self.ops)
        self.attention_inputs = AttentionInputs(settings)
        self.flat = FlatParameters(self.parameters())

    def forward(self, source, target, *, source_mask=None, target_mask=None, rng=None):
        """Scores of the token after each token of the target.

        Parameters
        ----------
        source : (B, S) int array
        target : (B, T) int array
            Begins with the start token.
        source_mask : (B, S) bool array, optional
            True = a real token.
        target_mask : (B, T) bool array, optional
            Padding stands behind the tokens, where none of them sees it: the mask changes no
            number here, and scores at padding have no meaning.
        rng : Generator, optional
            Turns dropout on.

        Returns
        -------
        logits : (B, T, V) array
        cache : TransformerCache

        Raises
        ------
        TypeError, ValueError
            If ids or masks have the wrong shape, type or range.
        """
        self._check_batch(target, target_mask, self.target_vocab_size, "target")
        memory, encoder = self.encode(source, source_mask=source_mask, rng=rng)
        if len(target) != len(source):
            raise ValueError(f"there are {len(source)} sources, but {len(target)} targets")
        x, embedded = self._embed(target, self.target_embedding, self.target_positions, rng)
        xp = array_module(x)
        inputs = self.attention_inputs.of(from_the_start(target.shape[1], xp), xp)
        memory_mask = as_keys(source_mask)
        x, blocks, norm = self._through(
            self.decoder,
            self.decoder_norm,
            x,
            memory=memory,
            memory_mask=memory_mask,
            rng=rng,
            **inputs,
        )
        logits, head = self.head.forward(x)
        decoder = DecoderCache(embedded, blocks, norm, x)
        return logits, TransformerCache(encoder, decoder, head)

    def backward(self, dlogits, cache):
        """Add to every parameter's gradient.

        Parameters
        ----------
        dlogits : (B, T, V) array
            Gradient of the loss with respect to the logits; 0 at padding.
        cache : TransformerCache
            From :meth:`forward`.

        Returns
        -------
        dsource, dtarget : (B, S, D) and (B, T, D) arrays
            Gradients with respect to the embedded tokens; ids themselves have none.

        Raises
        ------
        ValueError
            If `dlogits` has not the shape of the logits.
        """
        decoder = cache.decoder
        check_dlogits(dlogits, (*decoder.hidden.shape[:2], self.target_vocab_size))
        dx = self.head.backward(dlogits, cache.head)
        if self.decoder_norm is not None:
            dx = self.decoder_norm.backward(dx, decoder.norm)
        dmemory = None
        for block, block_cache in zip(
            reversed(self.decoder), reversed(decoder.blocks), strict=True
        ):
            dx, more = block.backward(dx, block_cache)
            # every block reads the same memory: what they send back adds up
            dmemory = more if dmemory is None else dmemory + more
        dtarget = self._embed_backward(
            dx, self.target_embedding, self.target_positions, decoder.input
        )
        if dmemory is None:
            dmemory = array_module(cache.encoder.memory).zeros_like(cache.encoder.memory)
        return self.encode_backward(dmemory, cache.encoder), dtarget

    def start(self, source, source_mask=None, capacity=None):
        """Read the source, and begin to decode targets of up to `capacity` tokens.

        The encoder runs once, and so do the cross-attention's projections of its result.

        Parameters
        ----------
        source : (B, S) int array
        source_mask : (B, S) bool array, optional
        capacity : int, optional
            By default max_len.

        Returns
        -------
        DecodingState

        Raises
        ------
        TypeError, ValueError
            If the source or its mask has the wrong shape, type or range, or `capacity` is no whole
            number in 1 .. max_len.
        """
        capacity = self.max_len if capacity is None else capacity
        self._check_capacity(capacity)
        memory, _ = self.encode(source, source_mask=source_mask)
        cross = [block.cross_attention.keys_values(memory) for block in self.decoder]
        return DecodingState(len(source), len(self.decoder), capacity, cross, as_keys(source_mask))

    def extend(self, ids, state, *, mask=None, last=False):
        """Scores after the next tokens of targets; as :meth:`GPT.extend`.

        Parameters
        ----------
        ids : (B, T) int array
        state : DecodingState
            From :meth:`start`; it is taken forward.
        mask : (B, T) bool array, optional
            False = padding, on the left of beginnings of different lengths.
        last : bool
            Score only the last token of each sequence.

        Returns
        -------
        logits : (B, T, V) array, or (B, V) with `last`

        Raises
        ------
        TypeError, ValueError
            If ids or mask have the wrong shape, type or range, there is no room, or there is no
            token whose scores `last` could ask for.
        """
        self._check_batch(ids, mask, self.target_vocab_size, padding="before")
        tokens = state.advance(*ids.shape, mask, last)
        x = self.target_embedding(ids)
        if self.target_positions is not None:
            x = self.target_positions.extend(x, tokens.first)
        inputs = self.attention_inputs.of(tokens, array_module(x))
        for block, kv_cache, memory in zip(self.decoder, state.kv_caches, state.cross, strict=True):
            x = block.extend(x, kv_cache, memory, memory_mask=state.memory_mask, **inputs)
        if last:
            x = x[:, -1]
        if self.decoder_norm is not None:
            x = self.decoder_norm(x)
        return self.head(x)
