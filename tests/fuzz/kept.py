"""Findings as small JSON files: the words, the files, what was wrong, and what the answer must say."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from tests.fuzz.entrances import Case

FOLDER = Path(__file__).parent / "findings"


def write(path: Path, case: Case, wrong: str) -> None:
    """Keep a case; `says` is filled in by whoever mends it."""
    files = {name: base64.b64encode(content).decode() for name, content in case.files.items()}
    path.write_text(json.dumps({"words": case.words, "files": files, "wrong": wrong, "says": ""}, indent=1) + "\n")


def read(path: Path) -> tuple[Case, str]:
    """A case, and what stderr must hold."""
    held = json.loads(path.read_text())
    files = {name: base64.b64decode(content) for name, content in held["files"].items()}
    return Case(tuple(held["words"]), files), held["says"]
