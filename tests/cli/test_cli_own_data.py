"""Your own tables on the command line: how they are written, and what is said about them."""

import gzip
import json

import pytest

from minitransformer.data import Split
from minitransformer.runs import RunFolder, explain, start
from minitransformer.runs.source import Source
from tests.support.commands import assert_one_line


def semicolons(n, start=0, word="film"):
    """Rows of a table of two classes."""
    rows = [f'"{("dull", "great")[i % 2]} {word};\nnumber {i}";{i % 2}' for i in range(n)]
    return "text;label\r\n" + "\r\n".join(rows[start:]) + "\r\n"


SMALL = {"workers": 1, "n_layers": 1, "d_model": 8, "n_heads": 2, "d_ff": 8}


def test_a_table_of_excel_with_files_for_its_parts(tmp_path):
    (tmp_path / "a.csv").write_text("sep=;\r\n" + semicolons(30), encoding="cp1252", newline="")
    (tmp_path / "val.csv.gz").write_bytes(gzip.compress(semicolons(36, 30).encode("cp1252")))
    (tmp_path / "test.csv").write_text(semicolons(44, 28), encoding="cp1252", newline="")
    lines = []
    folder, parts = start(
        data=tmp_path / "a.csv", validation_data=tmp_path / "val.csv.gz",
        test_data=tmp_path / "test.csv", table={"encoding": "cp1252"}, text_column="text",
        label_column="label", out=tmp_path / "run", on_progress=lines.append, **SMALL,
    )  # fmt: skip
    assert [len(parts.train), len(parts.validation), len(parts.test)] == [30, 6, 16]
    assert "2 of the 16 texts of the test file are also in the training texts" in lines
    assert "test.csv: the columns are separated by semicolons" in lines
    again = RunFolder.open(folder.path)
    assert again.config.source == folder.config.source
    assert again.config.source.table.encoding == "cp1252"
    scores = again.task.evaluate(again, again.new_model(), parts)
    assert 0 <= scores["test accuracy"] <= 1


def test_the_options_for_a_table(call, tmp_path, monkeypatch):
    given = {}

    def stop(**options):
        given.update(options)
        raise ValueError("stopped")

    monkeypatch.setattr("minitransformer.cli.train.start", stop)
    options = "--no-header --delimiter pipe --quoting none --skip-empty --clean none"
    options += f" --encoding utf-8 --text-column 2 --label-column 1 --out {tmp_path}/run"
    assert call("train", "--data", f"{tmp_path}/a.txt", *options.split())[0] == 2
    (tmp_path / "a.txt").write_text(
        "".join(f"{i % 2}|{i}\t{('dull', 'fine')[i % 2]} film|\n" for i in range(40))
    )
    rest = {"processes": None, "on_progress": print, **SMALL}
    folder, parts = start(**given | rest)
    assert vars(folder.config.source.table) == {
        "delimiter": "|", "quoting": "none", "encoding": "utf-8", "header": False,
        "skip_empty": True, "clean": "none",
    }  # fmt: skip
    assert parts.train.texts[0] == "0\tdull film"


def test_a_column_of_a_table_for_a_language_model(call, tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps({"text": f"line {i} of it"}) + "\n" for i in range(60)))
    arguments = f"train --task language-model --data {path} --out {tmp_path}/run".split()
    code, _, err = call(*arguments)
    assert code == 2
    assert_one_line(err)
    assert "is a table: name the column with the texts (--text-column)" in err
    folder, text = start(
        "language-model", data=path, text_column="text", out=tmp_path / "run", workers=1
    )
    assert text.train.startswith("line 0 of it\nline 1 of it\n")
    assert folder.config.source.text_column == "text"


def test_runs_from_before_read_their_tables_as_they_did():
    source = Source(file="a.tsv", text_column="a", label_column="b")
    assert source.table is None
    assert Source(**{**vars(source), "table": {"quoting": "none"}}).table.quoting == "none"


def html_run(tmp_path, clean):
    path = tmp_path / f"{clean}.csv"
    rows = "".join(f"a <br />film &amp; {('bad', 'good')[i % 2]} {i},{i % 2}\n" for i in range(40))
    path.write_text("text,label\n" + rows)
    table = {} if clean is None else {"clean": clean}
    folder, _ = start(
        data=path, text_column="text", label_column="label", table=table, out=tmp_path / str(clean),
        **SMALL,
    )  # fmt: skip
    return folder


def test_predict_removes_html_as_training_did(tmp_path):
    text = "good<br>film &amp; a"
    for clean, words in ((None, 4), ("html", 4), ("none", 6)):
        folder = html_run(tmp_path, clean)
        (found,) = explain(folder, folder.new_model(), [text], words=False)
        assert found.text == text
        assert found.words == words - 1  # "&", or "&", ";", "<" and ">", are not words
        assert ("br" in folder.tokenizer) == (clean == "none")
    (found,) = explain(folder, folder.new_model(), ["<br />"], words=False)
    assert found.words == 1


def test_many_unknown_words_are_said(tmp_path):
    rows = [f"{('bad', 'good')[i % 2]} film word{i},{i % 2}" for i in range(40)]
    (tmp_path / "a.csv").write_text("\n".join(["text,label", *rows]))
    folder, parts = start(
        data=tmp_path / "a.csv", text_column="text", label_column="label", out=tmp_path / "run",
        **SMALL,
    )  # fmt: skip
    task, model, lines = folder.task, folder.new_model(), []
    summary = task.prepare(parts, folder.tokenizer, folder.config.recipe).summary
    assert summary.split("\n")[1:] == [
        "warning: 33% of the words of the validation texts are unknown to the model"
    ]
    task.evaluate(folder, model, parts, on_progress=lines.append)
    assert lines[0] == "warning: 33% of the words of these texts are unknown to the model"
    for text, warned in (("good film bad film", False), ("zzz yyy film", True)):
        lines.clear()
        part = Split([text], [0])
        task.evaluate_file(folder, model, part, None, on_progress=lines.append)
        assert any("67% of the words" in line for line in lines) == warned


@pytest.mark.parametrize("command", ["generate", "predict", "evaluate"])
def test_a_published_folder_is_not_a_run(call, tmp_path, command):
    (tmp_path / "config.json").write_text('{"architectures": ["X"], "model_type": "gpt2"}')
    code, _, err = call(command, str(tmp_path), *(["text"] if command != "evaluate" else []))
    assert code == 2
    assert_one_line(err)
    assert "Hugging Face's layout, not of a run" in err
    assert "GPT.from_pretrained" in err


def test_texts_that_are_cut_are_named(tmp_path, call):
    rows = [f"{'so ' * 20}{('bad', 'good')[i % 2]} {'it ' * 20}w{i},{i % 2}" for i in range(40)]
    (tmp_path / "a.csv").write_text("\n".join(["text,label", *rows]))
    folder, parts = start(
        data=tmp_path / "a.csv", text_column="text", label_column="label", out=tmp_path / "run",
        max_len=10, **SMALL,
    )  # fmt: skip
    task, model, lines = folder.task, folder.new_model(), []
    cut = "have more than 10 tokens, and are cut (the longest has 42); "
    summary = task.prepare(parts, folder.tokenizer, folder.config.recipe).summary
    assert f"\n32 of the 32 training texts {cut}a larger --max-len reads more of them" in summary
    task.evaluate(folder, model, parts, on_progress=lines.append)
    line = f"4 of the 4 texts {cut}--windows reads them whole"
    assert line in lines
    lines.clear()
    task.evaluate_file(folder, model, parts.test, None, on_progress=lines.append)
    assert line in lines
    lines.clear()
    task.evaluate(folder, model, parts, windows=True, on_progress=lines.append)
    assert not any("cut" in line for line in lines)
    short = Split(["so bad " * 5], [0])  # exactly 10 tokens
    task.evaluate_file(folder, model, short, None, on_progress=lines.append)
    assert not any("cut" in line for line in lines)
    model.save(folder.weights)
    for more, unread in (([], 32), (["--windows"], 0)):
        code, out, _ = call("predict", folder.path, rows[0].split(",")[0], "--json", *more)
        assert code == 0
        assert json.loads(out)["cut"] == unread
    out = call("predict", folder.path, rows[0].split(",")[0], "--no-explain")[1]
    assert "  warning: the text is too long, so 32 of its tokens were not read; see --wind" in out
