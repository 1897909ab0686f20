"""The examples of the documentation print what the documentation says.

On each page, ```console blocks hold lines `$ divprune-sym …` and what they print, ```pycon blocks hold Python
sessions; the examples of one kind run in the order of the page, in one empty folder. Where a page writes `...`,
anything may stand.
"""

from __future__ import annotations

import doctest
import re
import shlex
from pathlib import Path

import pytest

from divprune_sym.cli import main

pytestmark = pytest.mark.slow(25)

DOCS = Path(__file__).parents[1] / "docs"
LIKE = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def commands(page: Path) -> list[tuple[str, str]]:
    return [
        (command.replace("\\\n", " "), printed)
        for block in blocks(page, "console")
        for command, printed in re.findall(r"^\$ ((?:.*\\\n)*.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)
    ]


PAGES = sorted(DOCS.glob("*.md"))
WITH_COMMANDS = [page for page in PAGES if commands(page)]
WITH_SESSIONS = [page for page in PAGES if blocks(page, "pycon")]


def test_the_page_has_examples():
    found = commands(DOCS / "derive_and_check.md")
    assert len(found) >= 12
    assert {shlex.split(command)[1] for command, _ in found} == {"derive", "check"}


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda page: page.stem)
def test_commands(capsys, monkeypatch, tmp_path, page):
    monkeypatch.chdir(tmp_path)
    for command, printed in commands(page):
        program, *arguments = shlex.split(command)
        assert program == "divprune-sym"
        main(arguments)
        out, err = capsys.readouterr()
        wanted, found = (re.sub(r" +$", "", text.rstrip() + "\n", flags=re.MULTILINE) for text in (printed, out + err))
        if wanted != found and not ("..." in wanted and doctest.OutputChecker().check_output(wanted, found, LIKE)):
            assert found == wanted, command


@pytest.mark.parametrize("page", WITH_SESSIONS, ids=lambda page: page.stem)
def test_sessions(monkeypatch, tmp_path, page):
    monkeypatch.chdir(tmp_path)
    session = doctest.DocTestParser().get_doctest(
        "\n".join(blocks(page, "pycon")), {"__name__": "__main__"}, page.name, str(page), 0
    )
    assert session.examples
    report: list[str] = []
    doctest.DocTestRunner(optionflags=LIKE).run(session, out=report.append)
    assert not report, "".join(report)
