"""Text generation by greedy decoding, sampling or beam search, all at once or token by token.

>>> texts = generate(model, [tokenizer.encode("ROMEO:")], max_new_tokens=50, top_p=0.9, seed=1)
>>> texts, scores = beam_search(translator, sources, beams=5, start_id=2, end_id=3)
"""

from minitransformer.inference.beam import beam_search
from minitransformer.inference.generate import generate, tokens
from minitransformer.inference.repetition import Repetition
from minitransformer.inference.sampling import Sampling
from minitransformer.inference.streaming import TextStream, continuation, stream

__all__ = [
    "Repetition",
    "Sampling",
    "TextStream",
    "beam_search",
    "continuation",
    "generate",
    "stream",
    "tokens",
]
