"""The commands `generate` and `translate`: their output, and the arguments that they refuse."""

import io
import re
import subprocess
import sys

import pytest

from minitransformer import inference
from minitransformer.runs.run_folder import RunFolder
from minitransformer.runs.tasks.encoder_decoder import encode_source
from tests.support.commands import assert_one_line

SMALL = "--d-model 8 --n-heads 2 --d-ff 8 --n-layers 1 --workers 1 --seed 3".split()
CONTEXT = 16


def train(path, *arguments):
    command = [sys.executable, "-m", "minitransformer", "train", *map(str, arguments)]
    subprocess.run([*command, "--out", str(path)], capture_output=True, check=True)
    return path


@pytest.fixture(scope="module")
def writer(tmp_path_factory):
    """A run of the task language-model, trained on characters."""
    folder = tmp_path_factory.mktemp("writer")
    lines = [f"The {word} cat sat on mat {i % 7}." for i in range(20) for word in ("old", "red")]
    (folder / "cats.txt").write_text("\n".join(lines) + "\n")
    options = f"--steps 40 --max-len {CONTEXT} --batch-size 4 --tokenizer characters".split()
    data = ["--task", "language-model", "--data", folder / "cats.txt"]
    return train(folder / "run", *data, *SMALL, *options)


@pytest.fixture(scope="module")
def reverser(tmp_path_factory):
    options = "--steps 20 --strings 200 --longest 5 --max-len 8 --batch-size 16".split()
    return train(tmp_path_factory.mktemp("r") / "run", "--task", "reverse", *SMALL, *options)


def written(run, prompt, **options):
    """The output of the library, without the command."""
    folder = RunFolder.open(run)
    ids = folder.tokenizer.encode(prompt)
    found = inference.generate(folder.load_model(), [ids], slide=True, **options)[0]
    return prompt + folder.tokenizer.decode(found) + "\n"


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ("", {"max_new_tokens": 200, "temperature": 0.8}),
        ("--seed 5 --max-new-tokens 9", {"max_new_tokens": 9, "temperature": 0.8, "seed": 5}),
        ("--greedy --max-new-tokens 30", {"max_new_tokens": 30, "greedy": True}),
        (
            "--temperature 1.5 --top-k 7 --top-p 0.9 --max-new-tokens 30",
            {"max_new_tokens": 30, "temperature": 1.5, "top_k": 7, "top_p": 0.9},
        ),
        (
            "--greedy --repetition-penalty 1.3 --no-repeat-ngram 3 --max-new-tokens 30",
            {
                "max_new_tokens": 30, "greedy": True, "repetition_penalty": 1.3,
                "no_repeat_ngram": 3,
            },
        ),
        ("--no-slide --max-new-tokens 12", {"max_new_tokens": 12, "temperature": 0.8}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_generate_writes_what_the_library_writes(call, writer, arguments, options):
    code, out, err = call("generate", writer, "The ", *arguments.split())
    assert (code, err) == (0, "")
    assert out == written(writer, "The ", **options)


@pytest.mark.parametrize("new_tokens", [None, 5])
def test_generate_by_beam_search_without_an_end_token(call, writer, new_tokens):
    """By default, it generates as many tokens as fit into the context."""
    folder = RunFolder.open(writer)
    assert folder.tokenizer.end_id is None
    (text,), _ = inference.beam_search(
        folder.load_model(), [folder.tokenizer.encode("The ")], beams=3, max_new_tokens=new_tokens
    )
    assert len(text) == (new_tokens or CONTEXT + 1 - len("The "))
    limit = [] if new_tokens is None else ["--max-new-tokens", new_tokens]
    code, out, err = call("generate", writer, "The ", "--beams", 3, *limit)
    assert (code, out, err) == (0, "The " + folder.tokenizer.decode(text) + "\n", "")


def test_beam_search_does_not_advise_what_it_lacks(call, writer):
    _, _, err = call("generate", writer, "The old cat sat on mat", "--beams", 2)
    assert err.strip().endswith("reads at most 16: make it shorter")


def test_a_longer_prompt_is_read_from_its_end_when_asked(call, writer):
    prompt = "The old cat sat on the mat"
    code, out, _ = call("generate", writer, prompt, "--slide", "--greedy", "--max-new-tokens", 5)
    assert code == 0
    assert out == written(writer, prompt, greedy=True, max_new_tokens=5)


def test_the_text_is_printed_piece_by_piece(call, writer, monkeypatch):
    class Output(io.StringIO):
        flushed = 0

        def flush(self):
            self.flushed += 1

    output = Output()
    monkeypatch.setattr("sys.stdout", output)
    call("generate", writer, "The ", "--max-new-tokens", 6)
    assert output.flushed >= 7
    assert len(output.getvalue()) == len("The ") + 6 + 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--temperature", "0"], "--temperature must be above 0, got 0.0; .* use --greedy$"),
        (["--temperature", "-1"], "temperature must be above 0, got -1.0"),
        (["--top-p", "0"], "top_p must be finite and > 0 and <= 1, got 0"),
        (["--top-p", "1.5"], "top_p must be finite and > 0 and <= 1, got 1.5"),
        (["--top-k", "0"], "top_k must be >= 1"),
        (["--max-new-tokens", "0"], "max_new_tokens must be >= 1"),
        (["--seed", "-1"], "seed must be >= 0"),
        (["--greedy", "--top-k", "3"], "--greedy samples nothing: leave out --top-k"),
        (["--beams", "2", "--greedy"], "leave out --greedy"),
        (["--beams", "2", "--max-new-tokens", "14"], "room for 13 after .*: ask for fewer$"),
        (["--length-penalty", "1"], "--length-penalty belongs to --beams"),
        (
            ["--no-slide", "--max-new-tokens", "200"],
            "--max-new-tokens is 200, .* room for 13 .*, or leave out --no-slide$",
        ),
        (["--device", "tpu"], "device must be one of"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_options_of_generate(call, writer, arguments, message):
    code, out, err = call("generate", writer, "The ", *arguments)
    assert (code, out) == (2, "")
    assert_one_line(err)
    assert re.search(message, err)


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ("", "the prompt is empty"),
        ("The old cat sat on mat", "the prompt has 22 tokens, .* reads at most 16: .*--slide"),
        ("The ß", "'ß' at position 4 is not one of"),
    ],
)  # fmt: skip
def test_bad_prompts(call, writer, prompt, message):
    code, out, err = call("generate", writer, prompt)
    assert (code, out) == (2, "")
    assert_one_line(err)
    assert re.search(message, err)


def test_generate_reads_the_prompt_from_standard_input(call, writer, monkeypatch):
    expected = call("generate", writer, "The old", "--seed", 2)[1]
    for arguments in ((), ("-",)):
        monkeypatch.setattr("sys.stdin", io.StringIO("The old\n"))
        assert call("generate", writer, *arguments, "--seed", 2)[1] == expected


@pytest.mark.parametrize("arguments", [[], ["--greedy"], ["--beams", "1"]])
def test_translate_writes_what_greedy_writes(call, reverser, arguments):
    folder = RunFolder.open(reverser)
    strings = ["abc", "zz", "hello"]
    expected = folder.task.write(folder.load_model(), folder.tokenizer, strings)
    code, out, err = call("translate", reverser, *strings, *arguments)
    assert (code, err) == (0, "")
    assert out.splitlines() == expected


def test_translate_by_beam_search(call, reverser):
    folder = RunFolder.open(reverser)
    options = {"beams": 3, "length_penalty": 1.5}
    expected = folder.task.write(folder.load_model(), folder.tokenizer, ["abc", "de"], **options)
    code, out, _ = call("translate", reverser, "abc", "de", "--beams", 3, "--length-penalty", 1.5)
    assert (code, out.splitlines()) == (0, expected)
    _, out, _ = call("translate", reverser, "abc", "--beams", 3, "--max-new-tokens", 1)
    assert len(out.strip()) <= 1


def test_translate_reads_sentences_from_standard_input(call, reverser, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("abc\nzz\n"))
    assert call("translate", reverser)[1] == call("translate", reverser, "abc", "zz")[1]
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    code, _, err = call("translate", reverser)
    assert code == 2
    assert "no sentence" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["abcdefgh"], "sentence 1 has 9 tokens including its end, but the model reads at most 8"),
        ([" "], "sentence 1 is empty"),
        (["abc", "--beams", "100"], "beams must be at most the size of the vocabulary"),
        (["abc", "--beams", "0"], "beams must be >= 1"),
        (["abc", "--beams", "2", "--greedy"], "leave out --beams 2"),
        (["abc", "--length-penalty", "1"], "there is one"),
        (["abc", "--beams", "2", "--length-penalty", "-1"], "length_penalty must be finite"),
        (["abc", "--max-new-tokens", "9"], "max_new_tokens must be at most 8 .* got 9"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_arguments_of_translate(call, reverser, arguments, message):
    code, out, err = call("translate", reverser, *arguments)
    assert (code, out) == (2, "")
    assert_one_line(err)
    assert re.search(message, err)


def test_each_command_says_which_runs_it_is_for(call, writer, reverser, trained):
    for command, run in (("generate", reverser), ("generate", trained[0]), ("translate", writer)):
        code, out, err = call(command, run, "abc")
        assert (code, out) == (2, "")
        assert_one_line(err)
        assert "the task of" in err


def test_the_sentence_is_read_with_its_end(reverser):
    tokenizer = RunFolder.open(reverser).tokenizer
    assert encode_source(tokenizer, "ab")[-1] == tokenizer.end_id
