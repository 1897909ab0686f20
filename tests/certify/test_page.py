"""The sentences that the page on variants prints are titles of claims as they are built today."""

import re
from pathlib import Path

import pytest

from divprune_sym.certify.compare import claim_of, places
from divprune_sym.certify.formulas import subject_of
from divprune_sym.certify.setting import EVERY, Setting
from divprune_sym.pruning.user_method import load_method

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "bound_a_variant.md").read_text(encoding="utf-8")
FILES = {"soft-edge": f"{ROOT / 'docs' / 'examples' / 'my_method.py'}:SoftEdge"}
SENTENCE = re.compile(
    r"^- (With Z = 3 copies .* for every M, ([\w-]+) leaves .* error than ([\w-]+) .*)$", re.MULTILINE
)
SENTENCES = SENTENCE.findall(PAGE)


def test_the_three_variants_are_on_the_page():
    assert {method for _, method, _ in SENTENCES} == {"soft-edge", "nm-edge", "column-edge"}


@pytest.mark.parametrize("method", dict.fromkeys(method for _, method, _ in SENTENCES))
def test_sentences(method):
    setting = Setting(subject_of(load_method(FILES.get(method, method))), 2, 3)
    for sentence, own, rival in SENTENCES:
        if own == method:
            assert claim_of(setting, places(setting, rival, EVERY)).title == sentence
