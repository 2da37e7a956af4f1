"""The encoder-decoder of the paper's figure 1, which scores the next token of the target."""

from typing import Any, NamedTuple

from minitransformer.backend import array_module
from minitransformer.layers import DecoderBlock, Dropout, Embedding, EncoderBlock, FlatParameters
from minitransformer.layers.shown import by_shape
from minitransformer.models.config import TransformerConfig
from minitransformer.models.decoding_state import AttentionInputs, DecodingState, from_the_start
from minitransformer.models.network import check_dlogits
from minitransformer.models.sequence_model import SequenceModel, key_mask
from minitransformer.training.example_kinds import SequencePairs


@by_shape
class EncoderCache(NamedTuple):
    """Every intermediate value of the left half of figure 1; memory (B, S, D) is its output."""

    input: Any
    blocks: tuple
    norm: Any
    memory: Any


@by_shape
class DecoderCache(NamedTuple):
    """Every intermediate value of the right half; hidden (B, T, D) is the input of the head."""

    input: Any
    blocks: tuple
    norm: Any
    hidden: Any


@by_shape
class TransformerCache(NamedTuple):
    """Every intermediate value, by name: ``cache.decoder.blocks[0].cross_attention.P``."""

    encoder: Any
    decoder: Any
    head: Any


class Transformer(SequenceModel):
    r"""Encoder-decoder: one stack reads the source, the other predicts the target.

    .. math::
        m &= \mathrm{Encoder}(\sqrt{D} \, W_{\mathrm{source}} + P), \qquad
        h = \mathrm{Decoder}(\sqrt{D} \, W_{\mathrm{target}} + P, \, m) \\
        \mathrm{logits} &= h \, W^\top

    By default, as published, norms come after the residual additions, there is no norm at the end
    of the stacks, and one table W embeds both languages and scores the target's tokens.

    Parameters
    ----------
    config : TransformerConfig or dict, optional
        A whole config.
    **options
        Fields of :class:`TransformerConfig`, in place of `config` or in addition to it.

    Raises
    ------
    TypeError
        If an option is unknown; the message suggests close matches.
    ValueError
        If a value is out of range; the message says what is allowed.

    Source: Vaswani et al. 2017, section 3 and figure 1.
    """

    Config = TransformerConfig
    learns_from = SequencePairs()

    def __init__(self, config=None, **options):
        settings, shared = self._configure(config, options)
        D, V = settings.d_model, settings.n_classes
        sizes = D, settings.n_heads, settings.d_ff
        self.target_vocab_size = V
        self.source_embedding = Embedding(self.vocab_size, D, scale=settings.scale, **shared)
        self.source_positions = self._make_positions(shared["rng"])
        self.encoder = [
            EncoderBlock(*sizes, **settings.block_options(), **shared)
            for _ in range(settings.n_layers)
        ]
        self.encoder_norm = self._make_final_norm()
        self.target_embedding = self.source_embedding
        if settings.target_vocab_size is not None or not settings.tied:
            self.target_embedding = Embedding(V, D, scale=settings.scale, **shared)
        self.target_positions = self._make_positions(shared["rng"])
        self.decoder = [
            DecoderBlock(*sizes, **settings.block_options(), **shared)
            for _ in range(settings.depth)
        ]
        self.decoder_norm = self._make_final_norm()
        self.head = self._make_token_head(self.target_embedding, V, shared)
        self.dropout = Dropout(settings.dropout, ops=self.ops)
        self.attention_inputs = AttentionInputs(settings)
        self.flat = FlatParameters(self.parameters())

    def encode(self, source, *, source_mask=None, rng=None):
        """source (B, S), source_mask (B, S) -> memory (B, S, D), :class:`EncoderCache`."""
        self._check_batch(source, source_mask, self.vocab_size, "source", padding="both")
        x, embedded = self._embed(source, self.source_embedding, self.source_positions, rng)
        mask = key_mask(source_mask)
        x, blocks, norm = self._through(self.encoder, self.encoder_norm, x, mask=mask, rng=rng)
        return x, EncoderCache(embedded, blocks, norm, x)

    def encode_backward(self, dmemory, cache):
        """dmemory (B, S, D) -> the gradient of the embedded source, (B, S, D)."""
        dx = self._back_through(self.encoder, self.encoder_norm, dmemory, cache)
        return self._embed_backward(dx, self.source_embedding, self.source_positions, cache.input)

    def forward(self, source, target, *, source_mask=None, target_mask=None, rng=None):
        """Scores for the token that follows each token of the target.

        Parameters
        ----------
        source : (B, S) int array
            Ids of the source vocabulary.
        target : (B, T) int array
            Ids of the target vocabulary; the first one is the start token.
        source_mask : (B, S) bool array, optional
            True = a real token.
        target_mask : (B, T) bool array, optional
            Padding comes after the tokens, where no token sees it. The mask is only checked: it
            does not change the result. Scores at padding have no meaning.
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
        self._check_batch(target, target_mask, self.n_classes, "target")
        memory, encoder = self.encode(source, source_mask=source_mask, rng=rng)
        if len(target) != len(source):
            raise ValueError(f"there are {len(source)} sources, but {len(target)} targets")
        x, embedded = self._embed(target, self.target_embedding, self.target_positions, rng)
        xp = array_module(x)
        inputs = self.attention_inputs.of(from_the_start(target.shape[1], xp), xp)
        inputs |= {"memory": memory, "memory_mask": key_mask(source_mask)}
        x, blocks, norm = self._through(self.decoder, self.decoder_norm, x, rng=rng, **inputs)
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
            Gradients with respect to the embedded tokens; ids themselves have no gradient.

        Raises
        ------
        ValueError
            If `dlogits` does not have the shape of the logits.
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
            # every block reads the same memory, so the gradients add up
            dmemory = more if dmemory is None else dmemory + more
        dtarget = self._embed_backward(
            dx, self.target_embedding, self.target_positions, decoder.input
        )
        if dmemory is None:
            dmemory = array_module(cache.encoder.memory).zeros_like(cache.encoder.memory)
        return self.encode_backward(dmemory, cache.encoder), dtarget

    def start(self, source, source_mask=None, capacity=None):
        """Encode the source, and start decoding targets of up to `capacity` tokens.

        The encoder runs only here. The projections of its output to the keys and values of the
        cross-attention are also computed only here.

        Parameters
        ----------
        source : (B, S) int array
            Ids of the source vocabulary.
        source_mask : (B, S) bool array, optional
            True = a real token.
        capacity : int, optional
            Maximum number of tokens in a target, by default max_len.

        Returns
        -------
        DecodingState

        Raises
        ------
        TypeError, ValueError
            If the source or its mask has the wrong shape, type or range, or `capacity` is not a
            whole number in 1 .. max_len.
        """
        capacity = self.max_len if capacity is None else capacity
        self._check_capacity(capacity)
        memory, _ = self.encode(source, source_mask=source_mask)
        cross = [block.cross_attention.keys_values(memory) for block in self.decoder]
        return DecodingState(len(source), len(self.decoder), capacity, cross, key_mask(source_mask))

    def extend(self, ids, state, *, mask=None, last=False):
        """Scores for the token that follows each new token of the targets, as from :meth:`forward`.

        Arguments, result and exceptions are the same as for :meth:`GPT.extend`. `state` comes from
        :meth:`start`.
        """
        self._check_batch(ids, mask, self.target_vocab_size, padding="left")
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
