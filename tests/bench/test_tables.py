"""The tables are found and well formed, and the quickest of them runs."""

import pkgutil

import pytest

from divprune_sym.bench import Contestant, Table, chosen_tables, find_tables, measure_tables, tables
from divprune_sym.ground.checks import BadInput

pytestmark = pytest.mark.slow(37)

TABLES = find_tables()


def test_every_file_has_a_table():
    assert len(TABLES) >= len(list(pkgutil.iter_modules(tables.__path__))) >= 2


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_a_table_says_what_it_is_about(table):
    assert isinstance(table, Table)
    assert table.name == table.name.lower().replace("_", "-")
    for words in (table.measures, table.goal):
        assert words
        assert not words.endswith(".")


def test_tables_are_chosen_by_name():
    assert [x.name for x in chosen_tables(["special-functions", "commands", "commands"])] == [
        "special-functions",
        "commands",
    ]
    assert [x.name for x in chosen_tables()] == list(TABLES)
    with pytest.raises(BadInput, match=r'table "comands": choose from .*\. Did you mean "commands"\?'):
        chosen_tables(["comands"])


def test_progress_names_table_and_case():
    seen = []
    record = measure_tables([TABLES["special-functions"]], quick=True, on_case=lambda *x: seen.append(x))
    assert ("special-functions", "asin") in seen
    assert len(seen) == len(record.tables[0].cases)


def test_commands_are_processes_with_a_cache_of_their_own():
    """Prepared, not run: that takes minutes."""
    cases = list(TABLES["commands"].cases(True))
    assert all(isinstance(x, Contestant) for case in cases for x in case.contestants)
    prepared = [case.label for case in cases if case.contestants[0].before]
    assert prepared == ["integrate K=4 M=2, cold", "integrate K=4 M=2, new size"]


def test_the_quick_cases_of_every_other_table_run_once():
    """Each contestant is called once, nothing is timed: a table that cannot run is found here."""
    for name, table in TABLES.items():
        if name == "commands":
            continue
        for case in table.cases(True):
            names = [x.name for x in case.contestants]
            assert len(set(names)) == len(names)
            assert {speed.subject for speed in case.speeds} | {speed.against for speed in case.speeds} <= {*names}
            for contestant in case.contestants:
                if isinstance(contestant, Contestant):
                    contestant.run()
