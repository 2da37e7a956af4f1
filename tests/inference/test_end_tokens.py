"""Several end tokens, and ids that the model has and its tokenizer does not."""

import itertools
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from minitransformer.data import CharacterTokenizer
from minitransformer.inference import beam_search, generate, stream, tokens
from minitransformer.inference.search import Rules, Search
from minitransformer.models import GPT
from minitransformer.storage import ArrayFolder
from tests.support.markov import MarkovModel, MarkovTranslator, log_probability, random_table

FOLDER = Path(__file__).parents[1] / "support" / "reference" / "folders" / "llama"
GREEDY = json.loads((FOLDER.parent / "greedy.json").read_text("utf-8"))["llama"]
LETTERS = CharacterTokenizer.build(["abcd"])  # eight tokens with the special ones
V, MAX_LEN = 12, 16


def model(seed=0, V=V, max_len=MAX_LEN):
    return MarkovModel(random_table(V, seed), max_len)


def until(ids, ends):
    """The ids before the first that is in `ends`."""
    return list(itertools.takewhile(lambda i: i not in ends, ids))


@pytest.mark.parametrize("options", [{"greedy": True}, {}, {"top_k": 3}, {"top_p": 0.7}])
def test_a_text_ends_at_the_first_of_several_end_tokens(options):
    prompts, ends = [[1], [2, 3], [4], [5, 6, 7]], (3, 8, 11)
    plain = generate(model(), prompts, max_new_tokens=12, seed=3, **options)
    found = generate(model(), prompts, max_new_tokens=12, seed=3, end_id=list(ends), **options)
    assert [ids.tolist() for ids in found] == [until(ids, ends) for ids in plain]
    assert len({len(ids) for ids in found}) > 1  # the rows end at different places


@pytest.mark.parametrize(
    "end_id", [[3, 8], (3, 8), {3, 8}, np.array([3, 8]), [np.int64(3), np.uint8(8)], [8, 3, 3]]
)
def test_forms_of_a_list(end_id):
    (plain,) = generate(model(), [[1]], max_new_tokens=12, greedy=True)
    (found,) = generate(model(), [[1]], max_new_tokens=12, greedy=True, end_id=end_id)
    assert found.tolist() == until(plain, (3, 8))


@pytest.mark.parametrize("end_id", [None, [], ()])
def test_no_end_token(end_id):
    (found,) = generate(model(), [[1]], max_new_tokens=12, greedy=True, end_id=end_id)
    assert len(found) == 12


@pytest.mark.parametrize(
    ("end_id", "error", "message"),
    [
        ([3, 12], ValueError, r"end_id\[1\] must lie in 0 \.\. 11, got 12"),
        ([3, -1], ValueError, r"end_id\[1\] must be >= 0, got -1"),
        ([3, "</s>"], TypeError, r"end_id\[1\] must be a whole number >= 0, got '</s>'"),
        ([3, None], TypeError, r"end_id\[1\] must be a whole number"),
        ([[3, 4]], TypeError, r"end_id\[0\] must be a whole number >= 0, got \[3, 4\]"),
        (np.array([[3]]), TypeError, r"end_id\[0\] must be a whole number"),
        ("</s>", TypeError, "end_id must be a whole number >= 0, got '</s>'"),
        (3.0, TypeError, "end_id must be a whole number"),
        ({3: 4}, TypeError, "end_id must be a whole number"),
    ],
)
@pytest.mark.parametrize("call", [generate, beam_search, tokens])
def test_end_tokens_that_are_none(call, end_id, error, message):
    with pytest.raises(error, match=message):
        call(model(), [[1]], end_id=end_id)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("ends", [(2, 4), (1, 2, 4)])
def test_a_wide_beam_search_with_several_end_tokens_is_exhaustive(seed, ends):
    small, limit = model(seed, V=5), 3
    others = [i for i in range(5) if i not in ends]
    texts = [
        (*text, end)
        for n in range(limit)
        for text in itertools.product(others, repeat=n)
        for end in ends
    ]
    # with a length penalty of 1, s(y) is proportional to log p / (5 + |y|)
    expected = max(texts, key=lambda text: log_probability(small.table, 0, text) / (5 + len(text)))
    (found,), (score,) = beam_search(
        small, [[0]], beams=5, length_penalty=1.0, max_new_tokens=limit, end_id=ends
    )
    assert found.tolist() == list(expected[:-1])
    best = log_probability(small.table, 0, expected) / ((5 + len(expected)) / 6)
    assert score == pytest.approx(best)


def test_beams_survive_where_many_end_tokens_are_more_probable():
    rules = Rules(beams=2, alpha=0.6, end_ids=tuple(range(6)), no_repeat_ngram=None)
    search = Search(0, np.array([7]), 9)
    search.step(np.arange(8)[None], np.log(np.array([[0.15] * 6 + [0.06, 0.04]])), rules)
    assert search.written.tolist() == [[6], [7]]
    assert len(search.ended) == 2


def test_a_translation_ends_at_any_of_them_and_its_source_with_the_first():
    translator = MarkovTranslator(random_table(8, 3))
    read, start = [], translator.start
    translator.start = lambda source, *rest: read.append(source.tolist()) or start(source, *rest)
    options = {"start_id": 2, "greedy": True}
    whole = list(tokens(translator, [[4, 3]], end_id=[7], **options))
    some = list(tokens(translator, [[4, 3]], end_id=[7, whole[1][1]], **options))
    assert some == whole[:1]
    list(stream(translator, LETTERS, "ab", end_id=[3, 7], **options))
    assert read[-1] == [[*LETTERS.encode("ab"), 3]]
    with pytest.raises(ValueError, match="end_id must be a token id for a model with an encoder"):
        generate(translator, [[4, 3]], start_id=2, end_id=[])


# --- ids without a token


def padded(seed=0):
    """A model of twelve ids for a tokenizer of eight tokens; it prefers the last four."""
    table = random_table(V, seed)
    table[:, len(LETTERS) :] += 5.0
    return MarkovModel(table, MAX_LEN)


@pytest.mark.parametrize("options", [{"greedy": True}, {}, {"top_k": 9}, {"top_p": 0.9}])
@pytest.mark.parametrize("more", [{}, {"repetition_penalty": 1.5, "no_repeat_ngram": 2}])
def test_ids_without_a_token_are_never_chosen(options, more):
    options = {"max_new_tokens": 40, "slide": True, "seed": 1} | options | more
    text = "".join(stream(padded(), LETTERS, "ab", end_id=None, **options))
    prompt = LETTERS.encode("ab")
    (ids,) = generate(padded(), [prompt], vocab_size=len(LETTERS), end_id=None, **options)
    assert ids.max() < len(LETTERS)
    assert text == LETTERS.decode(ids)
    # ids without a token may be in a prompt, which other programs have written
    (ids,) = generate(padded(), [[11, 9, 11]], vocab_size=8, **options)
    assert ids.max() < 8


def test_ids_without_a_token_have_no_probability():
    """The others have the probabilities of a model that has only these ids."""
    small = MarkovModel(padded().table[:8, :8], MAX_LEN)
    options = {"beams": 4, "max_new_tokens": 6, "end_id": 3}
    texts, scores = beam_search(padded(), [[4], [5, 6]], vocab_size=8, **options)
    expected, right = beam_search(small, [[4], [5, 6]], **options)
    assert [ids.tolist() for ids in texts] == [ids.tolist() for ids in expected]
    np.testing.assert_allclose(scores, right)
    for seed in range(5):
        options = {"max_new_tokens": 9, "seed": seed}
        drawn = generate(padded(), [[4], [5, 6]], vocab_size=8, **options)
        others = generate(small, [[4], [5, 6]], **options)
        assert [ids.tolist() for ids in drawn] == [ids.tolist() for ids in others]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"vocab_size": 13}, "vocab_size must be at most that of the model, 12, got 13"),
        ({"vocab_size": 0}, "vocab_size must be >= 1, got 0"),
        ({"vocab_size": 4, "beams": 5}, "beams must be at most the size of the vocabulary, 4"),
    ],
)
def test_a_vocabulary_that_does_not_fit(options, message):
    call = beam_search if "beams" in options else generate
    with pytest.raises(ValueError, match=message):
        call(padded(), [[1]], **options)


def test_a_prompt_that_the_tokenizer_does_not_have_is_refused_at_once():
    with pytest.raises(ValueError, match=r"must lie in 0 \.\. 7, got 9"):
        stream(padded(), LETTERS, np.array([9]))


# --- published folders


@pytest.fixture
def folder(tmp_path):
    return Path(shutil.copytree(FOLDER, tmp_path / "llama"))


def set_end(folder, name, value):
    content = json.loads((folder / name).read_text())
    content["eos_token_id"] = value
    (folder / name).write_text(json.dumps(content))


def test_the_end_tokens_of_a_folder_end_a_text(folder):
    first = GREEDY[0]["tokens"]
    a, b = first[30], first[22]
    assert len({a, b, first[10]}) == 3
    set_end(folder, "generation_config.json", [a, b])
    set_end(folder, "config.json", first[10])  # does not count, as in the library
    model = GPT.from_pretrained(folder)
    assert model.end_ids == (a, b)
    expected = until(first, (a, b))
    options = {"max_new_tokens": 100, "greedy": True}
    (found,) = generate(model, [GREEDY[0]["ids"]], **options)
    assert found.tolist() == expected
    text = "".join(stream(model, model.tokenizer, GREEDY[0]["prompt"], **options))
    assert text == model.tokenizer.decode(expected)
    (found,) = generate(model, [GREEDY[0]["ids"]], end_id=None, **options)
    assert found.tolist() == first
    set_end(folder, "generation_config.json", None)
    set_end(folder, "config.json", [a, 999])  # the model has no id 999
    assert GPT.from_pretrained(folder, tokenizer=False).end_ids == (a,)
    (folder / "generation_config.json").unlink()
    assert GPT.from_pretrained(folder, tokenizer=False).end_ids == (a,)


def test_the_end_token_of_the_tokenizer_ends_a_text_too(folder):
    first = GREEDY[0]["tokens"]
    set_end(folder, "generation_config.json", [first[30]])
    model = GPT.from_pretrained(folder)
    model.tokenizer.end_id = first[20]
    options = {"max_new_tokens": 100, "greedy": True}
    text = "".join(stream(model, model.tokenizer, GREEDY[0]["prompt"], **options))
    assert text == model.tokenizer.decode(until(first, (first[20], first[30])))


@pytest.mark.parametrize("value", ["</s>", [1, "2"], [[1]], {"a": 1}, True, 1.0, [None]])
@pytest.mark.parametrize("name", ["generation_config.json", "config.json"])
def test_end_tokens_that_a_folder_cannot_have(folder, name, value):
    (folder / "generation_config.json").write_text("{}")
    set_end(folder, name, value)
    message = f"{name}: eos_token_id must be an integer or a list of integers, got"
    with pytest.raises(ValueError, match=message):
        GPT.from_pretrained(folder)


def test_a_vocabulary_padded_beyond_the_tokenizer(folder):
    """Rows without a token, as in many published models; here, the most probable ids."""
    arrays = {name: np.array(array) for name, array in ArrayFolder(folder).items()}
    for name in ("model.embed_tokens.weight", "lm_head.weight"):
        arrays[name] = np.concatenate([arrays[name], 9 * arrays[name][:16]])
    save_file(arrays, folder / "model.safetensors")
    content = json.loads((folder / "config.json").read_text()) | {"vocab_size": 336}
    (folder / "config.json").write_text(json.dumps(content))
    model = GPT.from_pretrained(folder)
    options = {"max_new_tokens": 100, "greedy": True}
    (found,) = generate(model, [GREEDY[0]["ids"]], **options)
    assert found.tolist() == GREEDY[0]["tokens"]
    beam_search(model, [GREEDY[0]["ids"]], max_new_tokens=5)
    assert "".join(stream(model, model.tokenizer, GREEDY[0]["prompt"], **options))
    model.tokenizer = None
    (found,) = generate(model, [GREEDY[0]["ids"]], **options)
    assert found.max() >= 320
