"""The console examples of the documentation print what the documentation says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from divprune_sym.cli import main

PAGE = Path(__file__).parents[1] / "docs" / "derive_and_check.md"
BLOCKS = re.findall(r"^```console\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
EXAMPLES = [
    (command, printed)
    for block in BLOCKS
    for command, printed in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)
]


def test_the_page_has_examples():
    assert len(EXAMPLES) >= 12
    assert {shlex.split(command)[1] for command, _ in EXAMPLES} == {"derive", "check"}


@pytest.mark.parametrize(("command", "printed"), EXAMPLES, ids=[command for command, _ in EXAMPLES])
def test_example(capsys, command, printed):
    program, *arguments = shlex.split(command)
    assert program == "divprune-sym"
    main(arguments)
    out, err = capsys.readouterr()
    assert (out + err).rstrip() == printed.rstrip()
