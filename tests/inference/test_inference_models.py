"""Generation with real models: caching, padding and batching change no token."""

import numpy as np
import pytest

from minitransformer import GPT, Transformer
from minitransformer.inference import beam_search, generate
from tests.support.markov import log_softmax
from tests.support.strict_device import installed

V, MAX_LEN = 23, 12
START, END = 1, 2
SMALL = {"d_model": 16, "n_heads": 4, "n_layers": 2, "dtype": "float64", "seed": 5, "tied": False}
GPTS = {
    "gpt2": {},
    "llama": {
        "positions": "rotary", "norm_kind": "rms", "activation": "swiglu", "n_kv_heads": 2,
        "bias": False,
    },
    "alibi": {"positions": "alibi", "n_kv_heads": 1},
    "tied": {"tied": True},
    "window": {"positions": "rotary", "window": 4},
    "sinusoidal, post": {"positions": "sinusoidal", "norm": "post"},
    "tiled": {"attention": "tiled"},
}  # fmt: skip
TRANSFORMERS = {
    "figure 1": {"norm": "post", "tied": True},
    "pre": {"activation": "gelu"},
    "two vocabularies": {"target_vocab_size": 17, "n_decoder_layers": 1},
}


def bold(model):
    """The model with larger weights, so that its choices vary along a text."""
    rng = np.random.default_rng(1)
    for parameter in model.parameters().values():
        if len(parameter.shape) > 1:
            parameter.value += 0.5 * rng.standard_normal(parameter.shape)
    return model


def gpt(**options):
    return bold(GPT(vocab_size=V, max_len=MAX_LEN, **{**SMALL, **options}))


def translator(**options):
    sizes = {"vocab_size": V, "max_len": MAX_LEN, "d_ff": 32, "norm": "pre"}
    return bold(Transformer(**{**SMALL, **sizes, **options}))


def prompts(n=5, longest=7, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.integers(3, V, rng.integers(1, longest + 1)) for _ in range(n)]


def step_by_step(model, prompt, n):
    """The most probable tokens, each from a full forward pass over the last max_len tokens."""
    path = list(prompt)
    for _ in range(n):
        logits, _ = model.forward(np.array([path[-MAX_LEN:]]))
        path.append(int(logits[0, -1].argmax()))
    return path[len(prompt) :]


def translated_step_by_step(model, source, n):
    path = [START]
    while len(path) <= n:
        logits, _ = model.forward(np.array([source]), np.array([path]))
        token = int(logits[0, -1].argmax())
        if token == END:
            break
        path.append(token)
    return path[1:]


@pytest.mark.parametrize("options", GPTS.values(), ids=GPTS)
def test_greedy_equals_full_forward_passes(options):
    model, given = gpt(**options), prompts()
    found = generate(model, given, max_new_tokens=6, greedy=True)
    assert [t.tolist() for t in found] == [step_by_step(model, p, 6) for p in given]
    assert len({tuple(t) for t in map(np.ndarray.tolist, found)}) > 1


@pytest.mark.parametrize("options", GPTS.values(), ids=GPTS)
def test_a_sliding_window_reads_the_last_tokens_again(options):
    model, given = gpt(**options), prompts(4, longest=20)
    found = generate(model, given, max_new_tokens=15, greedy=True, slide=True)
    assert [t.tolist() for t in found] == [step_by_step(model, p, 15) for p in given]


def test_prompts_of_different_lengths_each_fill_the_context():
    model, given = gpt(), [[3], [4] * MAX_LEN, [5, 6, 7]]
    found = generate(model, given, greedy=True)
    assert [len(t) for t in found] == [MAX_LEN, 1, MAX_LEN - 2]
    for prompt, text in zip(given, found, strict=True):
        assert text.tolist() == step_by_step(model, prompt, len(text))


@pytest.mark.parametrize("options", TRANSFORMERS.values(), ids=TRANSFORMERS)
def test_translations_equal_full_forward_passes(options):
    model, sources = translator(**options), prompts(6)
    found = generate(model, sources, greedy=True, start_id=START, end_id=END)
    expected = [translated_step_by_step(model, s, MAX_LEN) for s in sources]
    assert [t.tolist() for t in found] == expected
    (beam, _) = beam_search(model, sources, beams=1, start_id=START, end_id=END)
    assert [t.tolist() for t in beam] == expected


@pytest.mark.parametrize("make", [gpt, translator])
@pytest.mark.parametrize("method", ["sampled", "beams"])
def test_a_batch_gives_the_same_texts_as_each_prompt_alone(make, method):
    model, given = make(), prompts(6)
    ends = {"end_id": END} | ({"start_id": START} if make is translator else {})

    def write(some, size):
        if method == "beams":
            return beam_search(model, some, beams=3, batch_size=size, **ends)[0]
        return generate(model, some, seed=3, top_p=0.95, batch_size=size, **ends)

    together = [t.tolist() for t in write(given, 6)]
    assert together == [t.tolist() for t in write(given, 1)]
    assert together == [t.tolist() for t in write(given, 4)]
    assert len({len(text) for text in together}) > 1


def test_the_score_of_a_beam_is_the_models_log_probability():
    model, sources = translator(), prompts(5)
    texts, scores = beam_search(
        model, sources, beams=4, start_id=START, end_id=END, length_penalty=0.6
    )
    for source, text, score in zip(sources, texts, scores, strict=True):
        whole = [*text, END][:MAX_LEN]
        logits, _ = model.forward(np.array([source]), np.array([[START, *whole[:-1]]]))
        log_p = log_softmax(logits[0])[np.arange(len(whole)), whole].sum()
        assert score == pytest.approx(log_p / ((5 + len(whole)) / 6) ** 0.6, rel=1e-10)


def test_more_beams_find_better_texts_here():
    model, sources = translator(), prompts(8)
    options = {"start_id": START, "end_id": END, "length_penalty": 0.0}
    scores = [beam_search(model, sources, beams=k, **options)[1].mean() for k in (1, 3, 9)]
    assert scores[0] < scores[1] <= scores[2]


@pytest.mark.parametrize("make", [gpt, translator])
def test_a_device_generates_the_same_texts(make):
    model, given = make(), prompts(4)
    ends = {"end_id": END} | ({"start_id": START} if make is translator else {})
    sampled, beams = generate(model, given, seed=1, **ends), beam_search(model, given, **ends)
    with installed():
        model.to("cupy")
        again, beams_again = (
            generate(model, given, seed=1, **ends),
            beam_search(model, given, **ends),
        )
    assert [t.tolist() for t in again] == [t.tolist() for t in sampled]
    assert [t.tolist() for t in beams_again[0]] == [t.tolist() for t in beams[0]]
    np.testing.assert_allclose(beams_again[1], beams[1], rtol=1e-12)
