"""Numbers in tables: whole in every terminal, wide or narrow."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from divprune_sym.show.tables import print_table

numbers = st.floats(allow_nan=False, allow_infinity=False).map(repr)
texts = st.lists(st.one_of(numbers, st.text("ab", max_size=30)), max_size=4).map(" ".join)
rows = st.integers(1, 10).flatmap(lambda n: st.lists(st.lists(texts, min_size=n, max_size=n), min_size=1, max_size=4))


def printed(width, *arguments, **options):
    text = io.StringIO()
    with redirect_stdout(text), patch.dict("os.environ", COLUMNS=str(width)):
        print_table(*arguments, **options)
    return text.getvalue()


def number_words(text):
    return {word for word in text.replace("│", " ").replace("┃", " ").split() if word[0] not in "ab┏┡├└┌"}


@given(rows, st.integers(10, 100), st.booleans())
def test_no_number_is_broken(rows, width, boxed):
    """Every number is printed, whole, and nothing that was not given looks like one."""
    head = [f"a{n}" for n in range(len(rows[0]))]
    given_ = {word for row in rows for cell in row for word in cell.split() if word[0] not in "ab"}
    assert number_words(printed(width, head, rows, boxed=boxed)) == given_


@pytest.mark.parametrize(("width", "boxed", "parts"), [(80, True, 1), (80, False, 1), (40, True, 2), (40, False, 2)])
def test_what_does_not_fit_follows_below(width, boxed, parts):
    head = ("p", *(f"method\n{n}" for n in range(6)))
    rows = [(f"{n}/9", *(f"{n}.12345" for _ in range(6))) for n in range(1, 9)]
    shown = printed(width, head, rows, "a caption", boxed=boxed)
    assert max(map(len, shown.splitlines())) <= width
    assert [shown.count(f"{n}/9") for n in range(1, 9)] == [parts] * 8
    assert [shown.count(f"{n}.12345") for n in range(1, 9)] == [6] * 8
    assert shown.splitlines()[-1] == "a caption"
