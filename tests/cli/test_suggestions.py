"""What is suggested for an option or a command that does not exist."""

import pytest

from minitransformer.cli import app
from minitransformer.cli.suggestions import COMMANDS, OPTIONS


@pytest.mark.parametrize(
    ("arguments", "suggested"),
    [
        ("train --lr 1", "--learning-rate"),
        ("train --csv x", "--data"),
        ("train --text x", "--text-column"),
        ("train --batch_size 3", "--batch-size"),
        ("train --epoch 3", "--epochs"),
        ("train --no-head", "--no-header"),
        ("train -o x", "--out"),
        ("generate r --max_tokens 3", "--max-new-tokens"),
        ("predict r --encoding x", None),
        ("train --foo", None),
    ],
)
def test_options(call, arguments, suggested):
    code, _, err = call(*arguments.split())
    assert code == 2
    assert "No such option" in err
    assert ("Possible options" in err) == (suggested is not None)
    if suggested:
        assert f"(Possible options: {suggested})" in err


@pytest.mark.parametrize(
    ("command", "suggested"), [("fit", "train"), ("Test", "evaluate"), ("evalute", "evaluate")]
)
def test_commands(call, command, suggested):
    code, _, err = call(command, "x")
    assert code == 2
    assert f"No such command '{command}'. Did you mean '{suggested}'?" in err


def test_every_suggestion_exists():
    known = {info.callback.__name__: info for info in app.registered_commands}
    assert set(COMMANDS.values()) <= set(known)
    assert not set(COMMANDS) & set(known)
    names = {name for info in known.values() for name in info.callback.__annotations__}
    assert {name.replace("-", "_") for name in OPTIONS.values()} <= names | {"resume"}
