"""Bad input to generation: the message names the argument and says what is allowed."""

import numpy as np
import pytest

from minitransformer.inference import beam_search, generate
from tests.support.markov import MarkovModel, MarkovTranslator, random_table

V, MAX_LEN = 8, 6
ENDS = {"start_id": 2, "end_id": 3}


def writer(value=None):
    table = random_table(V, 0)
    if value is not None:
        table[5] = value
    return MarkovModel(table, MAX_LEN)


def translator():
    return MarkovTranslator(random_table(V, 0), MAX_LEN)


@pytest.mark.parametrize(
    ("prompts", "options", "message"),
    [
        (
            [[1] * 7],
            {},
            "prompt 0 must have at most 6 tokens, got 7; slide=True allows",
        ),
        ([[1], []], {}, "prompt 1 must have at least one token, .*, got none"),
        ([], {}, "prompts must contain at least one prompt, got none"),
        ([[1, 8]], {}, r"prompt 0 must lie in 0 \.\. 7, got 8"),
        ([[1], [-1]], {}, r"prompt 1 must lie in 0 \.\. 7, got -1"),
        ([[[1]]], {}, r"prompt 0 must be a flat sequence of ids, got shape \(1, 1\)"),
        ([[1]], {"temperature": 0}, "temperature must be above 0, got 0; .* greedy=True"),
        ([[1]], {"temperature": -1.0}, r"temperature must be above 0, got -1\.0; .* greedy=True"),
        ([[1]], {"temperature": np.nan}, "temperature must be finite"),
        ([[1]], {"top_p": 0}, "top_p must be finite and > 0 and <= 1, got 0"),
        ([[1]], {"top_p": 1.01}, "top_p must be finite and > 0 and <= 1, got 1.01"),
        ([[1]], {"top_k": 0}, "top_k must be >= 1, got 0"),
        (
            [[1]],
            {"greedy": True, "top_k": 3},
            "greedy must be False with .*, top_k or top_p",
        ),
        ([[1]], {"greedy": True, "temperature": 0.5}, "greedy must be False with temperature"),
        ([[1]], {"repetition_penalty": 0}, "repetition_penalty must be finite and >= 1e-06 and"),
        ([[1]], {"repetition_penalty": 1e300}, "repetition_penalty must .* <= 1000000.0, got 1e"),
        ([[1, [2]]], {}, "prompt 0 must be a flat sequence of ids, .* nested lists"),
        ([[1]], {"no_repeat_ngram": 0}, "no_repeat_ngram must be >= 1"),
        ([[1]], {"max_new_tokens": 0}, "max_new_tokens must be >= 1, got 0"),
        (
            [[1], [1, 2]],
            {"max_new_tokens": 6},
            "must be at most 5 after prompt 1 .*got 6; slide=",
        ),
        ([[1]], {"slide": True}, "max_new_tokens must be a number if slide=True, got None"),
        ([[1]], {"end_id": 8}, r"end_id must lie in 0 \.\. 7, got 8"),
        ([[1]], {"start_id": 2}, "start_id must be None for a model without an encoder"),
        ([[1]], {"seed": -1}, "seed must be >= 0"),
        ([[1]], {"batch_size": 0}, "batch_size must be >= 1"),
    ],
)
def test_bad_arguments_of_generate(prompts, options, message):
    with pytest.raises(ValueError, match=message):
        generate(writer(), prompts, **options)


@pytest.mark.parametrize(
    ("prompts", "options", "message"),
    [
        ("text", {}, "prompts must be a list of id arrays, got str"),
        (5, {}, "prompts must be a list of id arrays, got int"),
        (["text"], {}, "prompt 0"),
        ([[1.5]], {}, "prompt 0 must be an integer array, got float64"),
        ([[1]], {"top_k": 2.5}, "top_k must be a whole number"),
        ([[1]], {"temperature": "hot"}, "temperature must be a number"),
        ([[1]], {"temperature": "0.5"}, "temperature must be a number, got '0.5'"),
        ([[1]], {"top_p": "0.5"}, "top_p must be a number, got '0.5'"),
        ([[1]], {"repetition_penalty": "2"}, "repetition_penalty must be a number, got '2'"),
        ([[1]], {"greedy": 1}, "greedy must be True or False"),
        ([[1]], {"end_id": "x"}, "end_id must be a whole number"),
        ([1, 2], {}, r"prompts must be a list of id sequences, such as .* got 1 as prompt 0"),
        (np.array([1, 2]), {}, "prompts must be a list of id sequences"),
        ({0: [1]}, {}, "prompts must be a list of id arrays, got dict"),
        ([[1]], {"slide": "no"}, "slide must be True or False, got 'no'"),
        ([[1]], {"top_q": 0.9}, "generate has no option 'top_q'; did you mean 'top_p' or 'top_k'"),
        ([[1]], {"on_tokens": print}, "generate has no option 'on_tokens'; did you mean 'on_token"),
    ],
)
def test_arguments_of_a_wrong_type(prompts, options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        generate(writer(), prompts, **options)


@pytest.mark.parametrize("write", [generate, beam_search])
@pytest.mark.parametrize(
    ("sources", "options", "message"),
    [
        ([[1] * 7], ENDS, "source 0 must have at most 6 tokens, got 7$"),
        ([[1], []], ENDS, "source 1 must have at least one token, .*, got none"),
        ([[9]], ENDS, "source 0 must lie in"),
        ([[1]], {"end_id": 3}, "start_id must be a token id for a model with an encoder, got None"),
        ([[1]], {"start_id": 2}, "end_id must be a token id for a model with an encoder, got None"),
        (
            [[1]],
            {**ENDS, "max_new_tokens": 7},
            r"max_new_tokens must be at most 6 in a translation \(max_len = 6\), got 7$",
        ),
    ],
)
def test_bad_arguments_for_a_translator(write, sources, options, message):
    with pytest.raises(ValueError, match=message):
        write(translator(), sources, **options)


def test_a_window_does_not_slide_over_a_translation():
    with pytest.raises(ValueError, match="slide must be False for .* an encoder, got True"):
        generate(translator(), [[1]], slide=True, max_new_tokens=3, **ENDS)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beams": 9, "end_id": 0}, "beams must be at most the size of the vocabulary, 8, got 9"),
        ({"beams": 0, "end_id": 0}, "beams must be >= 1, got 0"),
        ({"max_new_tokens": 7}, r"must be at most 6 after prompt 0 \(max_len = 6\), got 7$"),
        ({"end_id": 0, "length_penalty": -0.1}, "length_penalty must be finite and >= 0"),
        ({"length_penalty": 1e300}, "length_penalty must be finite and >= 0 and <= 10.0, got 1e"),
        ({"end_id": 0, "no_repeat_ngram": 0}, "no_repeat_ngram must be >= 1"),
        ({"end_id": 0, "batch_size": 0}, "batch_size must be >= 1"),
    ],
)
def test_bad_arguments_of_beam_search(options, message):
    with pytest.raises(ValueError, match=message):
        beam_search(writer(), [[1]], **options)


def test_beam_search_suggests_no_option_that_it_lacks():
    with pytest.raises(ValueError, match="prompt 0 must have at most 6 tokens, got 7$"):
        beam_search(writer(), [[1] * 7])


def test_a_separate_target_vocabulary_limits_beams_and_end_tokens():
    model = translator()
    model.config["target_vocab_size"] = 4
    with pytest.raises(ValueError, match="beams must be at most the size of the vocabulary, 4"):
        beam_search(model, [[7]], beams=5, **ENDS)
    with pytest.raises(ValueError, match=r"end_id must lie in 0 \.\. 3"):
        generate(model, [[7]], start_id=2, end_id=4)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("options", [{"greedy": True}, {}, {"top_p": 0.5}, {"no_repeat_ngram": 2}])
def test_logits_that_are_not_finite(value, options):
    with pytest.raises(ValueError, match="the logits of sequence 1 must be finite"):
        generate(writer(value), [[1], [5]], max_new_tokens=2, **options)


def test_one_nan_among_the_logits_is_noticed():
    for place in (0, 7):
        row = np.zeros(V)
        row[place] = np.nan
        with pytest.raises(ValueError, match="must be finite, got a largest of nan"):
            generate(writer(row), [[5]], max_new_tokens=1, greedy=True)
        with pytest.raises(ValueError, match="sequence 1 must be finite"):
            beam_search(writer(row), [[1], [5]], end_id=0, beams=2)


def test_arguments_are_checked_before_the_first_token_is_requested():
    from minitransformer.inference import tokens

    with pytest.raises(ValueError, match="prompt 0 must have at least one token"):
        tokens(writer(), [[]])
