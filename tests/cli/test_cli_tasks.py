"""The commands for generative models: reverse, language model, translation."""

import json
import math
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace

import numpy as np
import pytest

from minitransformer import plots
from minitransformer.data import CharacterTokenizer, is_held_out, read_parallel
from minitransformer.data.corpora.plain_text import PlainText
from minitransformer.runs import bleu, recipes, start
from minitransformer.runs import train as train_run
from minitransformer.runs.recipes.language_model import TEXT as TEXT_RECIPE
from minitransformer.runs.recipes.recipe import TRAINING, Recipe, setting
from minitransformer.runs.results import what_next
from minitransformer.runs.run_folder import RunFolder
from minitransformer.runs.tasks import TASKS
from minitransformer.runs.tasks.encoder_decoder import (
    draw_cross_attention,
    encode_pairs,
    encode_source,
)
from minitransformer.runs.tasks.strings import Strings
from tests.support import strict_device
from tests.support.commands import INTERRUPTED, assert_one_line
from tests.support.mpi_processes import together

SMALL = "--d-model 8 --n-heads 2 --d-ff 8 --n-layers 1 --workers 1".split()
STRINGS = [*SMALL, *"--steps 20 --strings 200 --longest 5 --max-len 8 --batch-size 16".split()]
TEXT = [*SMALL, *"--steps 20 --max-len 8 --batch-size 4 --warmup 0.1".split()]
SENTENCES = [*SMALL, *"--epochs 2 --merges 60 --max-len 32 --batch-size 16 --beams 2".split()]
WRITTEN = {
    "config.json", "tokenizer.json", "model.safetensors", "checkpoint.safetensors", "history.csv",
    "curves.png", "results.json", "texts.safetensors",
}  # fmt: skip


def write_text(path):
    """A small text that repeats itself."""
    lines = [f"The {word} cat sat on mat {i % 7}." for i in range(20) for word in ("old", "red")]
    path.write_text("\n".join(lines) + "\n")
    return path


def write_pairs(folder):
    """Two files, line by line."""
    nouns = {"dog": "Hund", "man": "Mann", "tree": "Baum", "boat": "Kahn"}
    places = {"here": "hier", "there": "dort", "outside": "draußen"}
    pairs = [
        (f"A {a} is {c}, {i}.", f"Ein {b} ist {d}, {i}.")
        for i in range(4) for a, b in nouns.items() for c, d in places.items()
    ]  # fmt: skip
    for name, lines in zip(("s.en", "s.de"), zip(*pairs, strict=True), strict=True):
        (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return ["--task", "translation", "--data", folder / "s.en", "--target", folder / "s.de"]


def train(*arguments):
    command = [sys.executable, "-m", "minitransformer", "train", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def reverse(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "reverse"
    return path, train("--task", "reverse", *STRINGS, "--out", path)


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    return write_text(tmp_path_factory.mktemp("data") / "cats.txt")


@pytest.fixture(scope="module")
def language_model(text, tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "cats"
    return path, train("--task", "language-model", "--data", text, *TEXT, "--out", path)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    return write_pairs(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def translation(pairs, tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "sentences"
    return path, train(*pairs, *SENTENCES, "--out", path)


def test_reverse_ends_with_the_count_of_exact_strings(reverse, call):
    path, out = reverse
    last = out.splitlines()[-1]
    assert re.fullmatch(r"held-out exact: \d+/500", last)
    made_here = WRITTEN - {"texts.safetensors"}
    assert {file.name for file in path.iterdir()} == made_here | {"cross_attention.png"}
    assert len(re.findall(r"^[a-z]{1,5} -> ", out, re.MULTILINE)) == 5
    assert call("evaluate", path)[1].splitlines()[-1] == last


def test_the_count_of_exact_strings_counts_exact_strings(reverse, call, monkeypatch):
    task, path = TASKS["reverse"], reverse[0]
    known = iter(range(500))

    def right_but_for_ten(model, tokenizer, texts):
        return [text[::-1] if next(known) >= 10 else text + "x" for text in texts]

    monkeypatch.setattr(task, "write", right_but_for_ten)
    _, out, _ = call("evaluate", path)
    assert out.splitlines()[-1] == "held-out exact: 490/500"
    assert len(re.findall(r"  \(not [a-z]+\)$", out, re.MULTILINE)) == 5


def test_the_picture_shows_a_string_with_its_own_output(reverse, tmp_path, monkeypatch):
    folder = RunFolder.open(shutil.copytree(reverse[0], tmp_path / "run"))
    task, model, drawn = folder.task, folder.load_model(), []
    held_out = [("ab", "ba"), ("abcd", "dcba"), ("abc", "cba"), ("a", "a"), ("bc", "cb")]
    monkeypatch.setattr(task, "write", lambda model, tokenizer, texts: [t.upper() for t in texts])
    monkeypatch.setattr(
        "minitransformer.runs.tasks.strings.draw_cross_attention",
        lambda folder, model, source, target: drawn.append((source, target)),
    )
    task.report(folder, model, Strings([], [], held_out), began=0.0)
    assert drawn == [("abcd", "ABCD")]


def test_no_string_that_is_judged_is_trained_on():
    recipe = recipes.StringsRecipe(strings=3000, longest=3, max_len=8)
    for name in ("reverse", "copy"):
        strings = TASKS[name].load(None, recipe)
        held_out, validation, train = (
            {source for source, _ in part}
            for part in (strings.held_out, strings.validation, strings.train)
        )
        assert (len(held_out), len(validation)) == (500, 100)
        assert not held_out & train
        assert not held_out & validation
        assert not validation & train
        assert not any(map(is_held_out, train))
        source, target = strings.train[0]
        assert target == (source[::-1] if name == "reverse" else source)


def test_greedy_decoding_is_what_a_full_forward_pass_would_choose(reverse):
    folder = RunFolder.open(reverse[0], "reverse", "copy")
    model, tokenizer = folder.load_model(), folder.tokenizer
    source, ids = encode_source(tokenizer, "abc"), [tokenizer.start_id]
    for _ in range(model.max_len):
        logits, _ = model.forward(source[None], np.array([ids]))
        ids.append(int(logits[0, -1].argmax()))
        if ids[-1] == tokenizer.end_id:
            break
    assert folder.task.write(model, tokenizer, ["abc"]) == [tokenizer.decode(ids)]


def test_the_language_model_is_judged_on_what_decides_nothing(language_model, text, call):
    path, out = language_model
    assert {file.name for file in path.iterdir()} == WRITTEN | {"sample.txt"}
    folder, content = RunFolder.open(path, "language-model"), text.read_text()
    model, held_out = folder.load_model(), content[int(len(content) * 0.9) :]
    held_out = held_out[len(held_out) // 2 :]  # the first half is validated on
    ids = folder.tokenizer.encode(held_out)
    nats = []
    for first in range(0, len(ids) - 1, model.max_len):
        piece = ids[first : first + model.max_len + 1]
        logits, _ = model.forward(piece[None, :-1])
        shifted = logits[0] - logits[0].max(axis=-1, keepdims=True)
        p = np.exp(shifted) / np.exp(shifted).sum(axis=-1, keepdims=True)
        nats += list(-np.log(p[np.arange(len(piece) - 1), piece[1:]]))
    assert len(nats) == len(ids) - 1
    found = float(re.search(r"^held-out loss: (\d+\.\d{4})$", out, re.MULTILINE)[1])
    assert found == pytest.approx(np.mean(nats), abs=1e-4)
    perplexity = float(re.search(r"^held-out perplexity: (.*)$", out, re.MULTILINE)[1])
    assert perplexity == pytest.approx(math.exp(found), rel=1e-3)
    assert call("evaluate", path)[1].splitlines()[0] == f"held-out loss: {found:.4f}"


def test_the_language_model_shows_what_it_writes(language_model, text):
    path, out = language_model
    sample = (path / "sample.txt").read_text()
    assert len(sample) == 16 + 400
    assert sample in out
    content = text.read_text()
    assert sample.startswith(content[int(len(content) * 0.9) :][:16])


@pytest.mark.parametrize("tokenizer", ["words", "bpe"])
def test_held_out_text_adds_no_token(tokenizer):
    text, recipe = PlainText("x", "a cat sat\n" * 9, "zebra zebra"), TEXT_RECIPE
    found = TASKS["language-model"].build_tokenizer(text, replace(recipe, tokenizer=tokenizer))
    assert not any("z" in token and len(token) > 1 for token in found.tokens)
    assert any("cat" in token for token in found.tokens)


def test_the_rows_of_cross_attention_are_the_tokens_written(reverse, tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr(plots, "attention", lambda *given: shown.append(given) or figure())
    folder = RunFolder.open(reverse[0])
    monkeypatch.setattr("minitransformer.runs.tasks.encoder_decoder.save_figure", lambda *_: None)
    draw_cross_attention(folder, folder.load_model(), "abc", "cba")
    ((P, rows, columns),) = shown
    assert rows == ["c", "b", "a", "<end>"]
    assert columns == ["a", "b", "c", "<end>"]
    assert P.shape[1:] == (4, 4)


def figure():
    return plots.confusion(np.eye(2, dtype=int), ("a", "b"))


def test_what_to_run_next_can_be_pasted(reverse):
    folder = RunFolder.open(reverse[0])
    text = what_next(
        folder, ("translate", 'the "dog"\'s $HOME'), ("translate", "-x"), ("evaluate",)
    )
    lines = [shlex.split(line) for line in text.splitlines()[-3:]]
    assert lines[0][-2:] == [str(folder.path), 'the "dog"\'s $HOME']
    assert lines[1][-3:] == [str(folder.path), "--", "-x"]
    assert lines[2][-2:] == ["evaluate", str(folder.path)]


@pytest.mark.parametrize("tokenizer", ["words", "bpe"])
def test_a_language_model_of_other_tokens(call, text, tmp_path, tokenizer):
    run = tmp_path / "run"
    options = [*TEXT, "--tokenizer", tokenizer, "--merges", 10, "--no-tied", "--bias"]
    code, out, err = call("train", "--task", "language-model", "--data", text, *options,
                          "--out", run)  # fmt: skip
    assert code == 0, err
    folder = RunFolder.open(run)
    assert folder.tokenizer.kind == tokenizer
    model = folder.load_model()
    assert (model.config["tied"], model.config["bias"]) == (False, True)
    assert call("evaluate", run)[1].splitlines()[0] in out


def test_translation_is_scored_and_shown(translation, pairs, call):
    path, out = translation
    files = {"cross_attention.png", "translations.txt"}
    assert {file.name for file in path.iterdir()} == WRITTEN | files
    assert re.search(r"^test BLEU: \d+\.\d\d$", out, re.MULTILINE)
    assert re.search(r"^test sacrebleu: .*case:mixed.*tok:13a", out, re.MULTILINE)
    folder = RunFolder.open(path, "translation")
    dataset = folder.task.load(folder.config.source, folder.config.recipe)
    test, written = dataset.tests["test"], (path / "translations.txt").read_text().split("\n")
    assert written[-1] == ""
    assert len(written) - 1 == len(test) == 4
    score, _ = bleu.bleu(written[:-1], test.target)
    assert json.loads((path / "results.json").read_text())["BLEU"] == pytest.approx(score)
    for i in range(4):
        shown = (f"source     {test.source[i]}", f"model      {written[i]}".rstrip(),
                 f"reference  {test.target[i]}")  # fmt: skip
        assert "\n".join(shown) in "\n".join(line.rstrip() for line in out.splitlines())
    evaluated = call("evaluate", path)[1]
    assert re.search(r"^test BLEU: .*$", out, re.MULTILINE)[0] in evaluated.splitlines()


def test_every_sentence_of_your_own_is_in_exactly_one_part(pairs):
    whole = read_parallel(*pairs[3::2])
    parts = TASKS["translation"].load(TASKS["translation"].source(options(pairs)), None)
    found = [
        pair for part in (parts.train, parts.validation, parts.tests["test"])
        for pair in zip(part.source, part.target, strict=True)
    ]  # fmt: skip
    assert sorted(found) == sorted(zip(whole.source, whole.target, strict=True))
    assert (len(parts.train), len(parts.validation)) == (40, 4)


def test_copies_of_a_sentence_are_in_one_part(pairs, tmp_path):
    twice = list(pairs)
    for i, ending in ((3, ""), (5, " So.")):  # two copies with different translations
        twice[i] = tmp_path / pairs[i].name
        text = pairs[i].read_text()
        twice[i].write_text(text + text.replace("\n", ending + "\n"))
    parts = TASKS["translation"].load(TASKS["translation"].source(options(twice)), None)
    found = [set(part.source) for part in (parts.train, parts.validation, parts.tests["test"])]
    assert sum(map(len, found)) == len(set.union(*found)) == 48
    assert len(parts.train) == 80


def options(pairs):
    """The options that a run passes to its task."""
    names = (
        "dataset", "text_column", "label_column", "windows", "validation_data", "test_data",
        "table",
    )  # fmt: skip
    return dict.fromkeys(names) | {"data": pairs[3], "target": pairs[5]}


def test_without_sacrebleu_the_translations_are_written_with_a_notice(
    call, pairs, tmp_path, monkeypatch
):
    monkeypatch.setattr("minitransformer.runs.tasks.translation.available", lambda: False)
    run = tmp_path / "run"
    code, out, _ = call("train", *pairs, *SENTENCES, "--out", run)
    assert code == 0
    assert "sacrebleu is not installed" in out.splitlines()[1]
    assert f"test BLEU: not computed: {bleu.INSTALL}" in out.splitlines()
    assert len((run / "translations.txt").read_text().splitlines()) == 4


def test_bleu_is_case_sensitive_and_100_for_a_perfect_translation():
    hypotheses = ["The dog runs.", "A cat sleeps on the mat today"]
    score, signature = bleu.bleu(hypotheses, ["The dog runs.", "A cat sleeps on the mat today"])
    assert score == pytest.approx(100)
    assert "case:mixed" in signature
    assert bleu.bleu([h.lower() for h in hypotheses], hypotheses)[0] < 90  # capitals count


def test_long_pairs_are_left_out_of_training_and_long_sources_cut():
    letters = CharacterTokenizer.build(["abc"])
    (sources, targets), left_out = encode_pairs(
        ["ab", "abca", "a"], ["ab", "a", "abca"], letters, max_len=4
    )
    assert ([len(x) for x in sources], [len(y) for y in targets], left_out) == ([3], [2], 2)
    assert encode_source(letters, "abcabc", 4).tolist() == [4, 5, 6, letters.end_id]
    with pytest.raises(ValueError, match="none of the 1 pairs of texts fits into max_len = 2"):
        encode_pairs(["ab"], ["a"], letters, max_len=2)


@pytest.mark.parametrize("name", ["reverse", "language_model", "translation"])
def test_the_configuration_says_the_task_and_its_settings(name, request):
    path, _ = request.getfixturevalue(name)
    config = json.loads((path / "config.json").read_text())
    assert config["task"] == name.replace("_", "-")
    known = recipes.settings(TASKS[config["task"]].recipe_class)
    assert set(config["recipe"]) == {setting for setting, *_ in known}
    assert config["class_names"] == []
    for picture in path.glob("*.png"):
        assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", ["reverse", "language_model", "translation"])
def test_info_says_what_a_run_is(name, request, call):
    path, _ = request.getfixturevalue(name)
    code, out, _ = call("info", path)
    rows = dict(re.split("  +", line, maxsplit=1) for line in out.splitlines())
    folder = RunFolder.open(path)
    assert code == 0
    assert rows["task"] == name.replace("_", "-")
    assert rows["d_model"] == "8"
    assert rows["parameters"] == f"{folder.load_model().flat.values.size:,}"
    results = json.loads((path / "results.json").read_text())
    assert results
    assert {key: rows[key] for key in results} == {k: str(v) for k, v in results.items()}


def test_info_of_a_run_that_has_not_come_far(call, reverse, tmp_path):
    run = shutil.copytree(reverse[0], tmp_path / "run")
    (run / "results.json").write_text("[")
    code, _, err = call("info", run)
    assert code == 2
    assert_one_line(err)
    assert "results.json is truncated or altered" in err
    (run / "results.json").unlink()
    assert call("info", run)[1].splitlines()[-1].split() == ["results", "none", "yet"]
    (run / "model.safetensors").unlink()
    assert call("info", run)[1].splitlines()[-1].endswith("none (training did not finish)")


@pytest.mark.parametrize("name", ["reverse", "language_model", "translation"])
def test_a_finished_run_is_resumed_to_the_same_weights_and_words(name, request, call, tmp_path):
    path, printed = request.getfixturevalue(name)
    copy = shutil.copytree(path, tmp_path / "copy")
    code, out, err = call("train", "--resume", copy)
    assert code == 0, err
    weights = "model.safetensors"
    assert (copy / weights).read_bytes() == (path / weights).read_bytes()
    for line in re.findall(r"^(?:held-out|test) \S+: .*$", printed, re.MULTILINE):
        assert line in out


def test_ctrl_c_leaves_a_language_model_that_is_resumed_to_the_same_bits(call, text, tmp_path):
    many = ["--task", "language-model", "--data", text, *TEXT]
    command = [sys.executable, "-c", INTERRUPTED, "train", *many, "--out", tmp_path / "cut"]
    cut = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False)
    assert cut.returncode == 130
    assert "interrupted after step 11" in cut.stdout
    assert call("evaluate", tmp_path / "cut")[0] == 0
    assert call("train", *many, "--out", tmp_path / "whole")[0] == 0
    assert call("train", "--resume", tmp_path / "cut")[0] == 0
    ends = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("cut", "whole")]
    assert ends[0] == ends[1]


def test_two_processes_give_the_bits_of_two_workers(pairs, tmp_path):
    place = SENTENCES.index("--workers")
    arguments = [*pairs, *SENTENCES[:place], *SENTENCES[place + 2 :], "--batch-size", 40]
    done = together(2, "-m", "minitransformer", "train", *arguments, "--out", tmp_path / "two")
    assert done.returncode == 0, done.stderr
    train(*arguments, "--workers", 2, "--out", tmp_path / "threads")
    ends = [(tmp_path / n / "model.safetensors").read_bytes() for n in ("two", "threads")]
    assert ends[0] == ends[1]


def test_a_language_model_is_trained_on_the_device_for_the_host(call, text, tmp_path):
    data = ["--task", "language-model", "--data", text]
    with strict_device.installed():
        code, _, err = call("train", *data, *TEXT, "--out", tmp_path / "r", "--device", "gpu")
    assert code == 0, err
    assert call("evaluate", tmp_path / "r")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--task revers", "unknown task 'revers'; did you mean 'reverse'"),
        (
            "--task reverse --data x",
            "--data is not an option of the task reverse: its strings are made",
        ),
        ("--task reverse --windows", "windows is not an option of the task reverse"),
        ("--task reverse --dataset shakespeare", "unknown data set 'shakespeare'; .*'reverse'"),
        ("--task reverse --pooling max", "pooling is not a setting of the task reverse"),
        ("--task reverse --max-len 20", "max_len must be at least longest . 1 = 21, got 20"),
        ("--task reverse --steps 0", "steps must be >= 1, got 0"),
        ("--task copy --positions rotary", "positions must be one of"),
        ("--task language-model --epochs 3", "epochs is not a setting .*; did you mean 'steps'"),
        ("--task language-model --recipe our", "unknown recipe 'our'; did you mean 'ours'"),
        (
            "--task language-model --tokenizer word",
            "tokenizer must be one of characters, words, bpe",
        ),
        ("--task language-model --target x", "target is not an option .* add --task translation"),
        ("--task language-model --data none.txt", "none.txt"),
        (
            "--task language-model --label-column x",
            "--label-column is not an option .* add --task classification",
        ),
        (f"--task translation --data {__file__}", "needs target, the file of translations"),
        (
            "--task translation --data a.tsv --text-column a --label-column b",
            "--text-column is not an option .*: it reads two files.*cut -f1 and cut -f2",
        ),
        ("--task translation --target a", "target, .* needs data, the file of sources"),
        ("--task translation --data none --target none", "none"),
        ("--task translation --beams 0", "beams must be >= 1"),
        ("--task translation --length-penalty 11", "length_penalty must be .* 10"),
        ("--task translation --data-dir nowhere", "nowhere"),
        ("--task reverse --data-dir .", "data_dir is only for .*, but .* made here: reverse"),
        ("--data-dir .", "data_dir is only for .*, but .* made here: reviews"),
        ("--task language-model --data .", "[.] must be a file, got a folder"),
        ("--steps 3", "steps is not a setting of the task classification"),
        ("--target x", "--target is not an option of .*: for translations, add --task translation"),
    ],
)
def test_bad_options(call, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    code, _, err = call("train", *arguments.split())
    assert code == 2
    assert_one_line(err)
    assert re.search(message, err), err
    assert list(tmp_path.iterdir()) == []


def test_misaligned_files_are_refused_at_their_line(call, pairs, tmp_path):
    shorter = tmp_path / "short.de"
    shorter.write_text("\n".join(pairs[5].read_text().splitlines()[:30]) + "\n")
    code, _, err = call("train", *pairs[:4], "--target", shorter, "--out", tmp_path / "run")
    assert code == 2
    assert_one_line(err)
    assert "misaligned at line 31" in err
    assert not (tmp_path / "run").exists()


def test_too_few_sentences(call, pairs, tmp_path):
    files = []
    for path in (pairs[3], pairs[5]):
        files.append(tmp_path / path.name)
        files[-1].write_text("\n".join(path.read_text().splitlines()[:9]))
    code, _, err = call("train", *pairs[:2], "--data", files[0], "--target", files[1])
    assert code == 2
    assert "must have at least 10 different sentences, got 9" in err


def test_a_run_of_another_task_is_refused_by_name(call, reverse, language_model):
    code, out, err = call("predict", reverse[0], "abc")
    assert (code, out) == (2, "")
    assert "must be one of classification, got reverse" in err
    with pytest.raises(ValueError, match="must be one of translation, reverse, got language-model"):
        RunFolder.open(language_model[0], "translation", "reverse")
    assert "windows is not an option of the task" in call("evaluate", reverse[0], "--windows")[2]
    assert (
        "data is not an option of the task reverse"
        in call("evaluate", reverse[0], "--data", "x")[2]
    )


def test_evaluate_takes_files_from_elsewhere(call, translation, pairs, tmp_path):
    moved = [shutil.copy(pairs[i], tmp_path / f"moved{i}") for i in (3, 5)]
    found = call("evaluate", translation[0], "--data", moved[0], "--target", moved[1])
    assert found[:2] == call("evaluate", translation[0])[:2]


def test_another_text_is_scored_whole(call, language_model, text, tmp_path):
    content, other = text.read_text(), tmp_path / "other.txt"
    held_out = content[int(len(content) * 0.9) :]
    other.write_text(held_out[len(held_out) // 2 :])
    code, out, _ = call("evaluate", language_model[0], "--data", other)
    assert code == 0
    assert call("evaluate", language_model[0])[1].splitlines()[-2:] == out.splitlines()[-2:]
    lines = [line for line in other.read_text().split("\n") if len(line.strip()) >= 20]
    seen = sum(line in content[: -len(held_out)].split("\n") for line in lines)
    assert f"all of other.txt is scored: {len(lines)} lines of text\n{seen} of them" in out
    shutil.copy(text, other)  # the run's own text in a new place
    moved = call("evaluate", language_model[0], "--data", other)[1]
    assert moved.splitlines()[-2:] == call("evaluate", language_model[0])[1].splitlines()[-2:]


def test_a_text_that_has_changed_is_not_divided_anew(call, text, tmp_path):
    own = tmp_path / "own.txt"
    own.write_text(text.read_text())
    run = tmp_path / "run"
    tiny = {"d_model": 8, "n_heads": 2, "d_ff": 8, "n_layers": 1, "max_len": 8, "workers": 1}
    train_run(*start("language-model", data=own, out=run, steps=1, warmup=0.1, **tiny))
    own.write_text(text.read_text() + "The cat sat down.\n" * 3)
    code, _, err = call("evaluate", run)
    assert code == 2
    assert_one_line(err)
    assert "the text has changed since training, so its last part is not the one" in err
    assert "all of own.txt is scored" in call("evaluate", run, "--data", own)[1]
    assert "own.txt has changed since the run began" in call("train", "--resume", run)[2]


def test_other_sentences_are_scored_whole(call, translation, pairs, tmp_path):
    files = []
    for name, path in (("--data", pairs[3]), ("--target", pairs[5])):
        files += [name, tmp_path / path.name]
        files[-1].write_text("".join(path.read_text().splitlines(keepends=True)[:7]) + "New.\n")
    code, out, _ = call("evaluate", translation[0], *files)
    assert code == 0
    assert "all of s.en is scored: 8 texts" in out
    assert re.search(r"^[0-7] of them were trained on", out, re.MULTILINE)
    assert re.search(
        r"^BLEU is for the \d sentences that the model has not seen$", out, re.MULTILINE
    )
    assert re.search(r"^test BLEU: .*\n.*\ntest BLEU on all sentences: ", out, re.MULTILINE)


def test_a_sentence_more_does_not_move_sentences_into_the_test_part(call, translation, pairs):
    before = call("evaluate", translation[0])[1]
    contents = [pairs[i].read_text() for i in (3, 5)]
    try:
        for i, content in zip((3, 5), contents, strict=True):
            pairs[i].write_text(content + "New.\n")
        code, out, _ = call("evaluate", translation[0])
    finally:
        for i, content in zip((3, 5), contents, strict=True):
            pairs[i].write_text(content)
    assert code == 0
    assert out.replace("texts added since training, which are not scored: 1\n", "") == before


def test_a_spoilt_tokenizer_is_refused(call, language_model, tmp_path):
    run = shutil.copytree(language_model[0], tmp_path / "run")
    content = (run / "tokenizer.json").read_text()
    (run / "tokenizer.json").write_text(content.replace('"T"', '"Q"'))
    code, _, err = call("evaluate", run)
    assert code == 2
    assert "tokenizer.json is truncated or altered, or belongs to another run" in err


def test_every_recipe_of_every_task_is_valid():
    for task in TASKS.values():
        for named in task.recipes.values():
            for recipe in named.values():
                recipe.check()
                assert type(recipe).from_dict(recipe.as_dict()) == recipe


def test_two_meanings_of_an_option_are_noticed():
    @dataclass(frozen=True)
    class Clash(Recipe):
        epochs: int = setting(1, TRAINING, "something else")

    with pytest.raises(ValueError, match="epochs of Clash must be the same setting as in"):
        list(recipes.settings(recipes.ClassificationRecipe, Clash))
