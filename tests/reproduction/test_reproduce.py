"""The whole reproduction on a very small scale, and its report in a real browser."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from divprune_sym.ground.checks import BadInput
from divprune_sym.reproduction import reproduce as module
from divprune_sym.reproduction.digits import DigitsSetting
from divprune_sym.reproduction.report import _concise, readings

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow(30)

TINY = module.Scale(
    N=60,
    networks=3,
    masks=5,
    last_alpha=3.0,
    retraining_alpha=2.0,
    digits=DigitsSetting(hidden=(16, 8), networks=2, masks=1, fractions=(0.5,)),
    specialized_networks=3,
)
FIGURES = (
    "training",
    "pruning_noiseless",
    "pruning_noisy",
    "pruning_idealized",
    "pruning_many_nodes",
    "retraining",
    "digits",
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], str]:
    """Folder, results and terminal output of one tiny reproduction."""
    folder = tmp_path_factory.mktemp("reproduction") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "QUICK", TINY)
        code = module.reproduce(folder, size="quick", seed=3)
    results = json.loads((folder / "results.json").read_text())
    agreed = all(section["agrees"] for section in results["agreement"].values())
    assert code == (0 if agreed else 1)
    return folder, results, (folder / "report.html").read_text()


@pytest.mark.parametrize(
    ("size", "time"), [("quick", "about a minute"), ("full", "about 4 minutes"), ("thorough", "about half an hour")]
)
def test_it_says_first_how_long_it_takes_and_what_it_writes(monkeypatch, capsys, tmp_path, size, time) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "_results", interrupted)
    with pytest.raises(KeyboardInterrupt):
        module.reproduce(tmp_path / "out", size=size, seed=1)
    said = capsys.readouterr().err
    assert time in said
    assert f"report.html, results.json and the figures to {tmp_path / 'out'}" in said


def test_every_file_is_written(run: tuple[Path, dict[str, Any], str]) -> None:
    folder, _, _ = run
    expected = {f"{name}.{kind}" for name in FIGURES for kind in ("png", "svg")}
    assert {path.name for path in folder.iterdir()} == expected | {"report.html", "results.json"}
    assert all(path.stat().st_size > 2000 for path in folder.iterdir())


def test_results_hold_every_comparison(run: tuple[Path, dict[str, Any], str]) -> None:
    _, results, _ = run
    for name in ("noiseless", "noisy", "idealized"):
        rows = results["pruning"][name]
        assert {(r["method"], r["variant"]) for r in rows if r["method"].endswith("node")} == {
            (m, v) for m in ("random-node", "importance-node", "dpp-node") for v in ("plain", "reweighted")
        }
        assert {(r["method"], r["variant"]) for r in rows if r["method"].endswith("edge")} == {
            (m, v) for m in ("random-edge", "magnitude-edge", "dpp-edge") for v in ("plain", "inverse-sqrt", "optimal")
        }
        assert {round(6 * r["keep"]) for r in rows} == set(range(1, 7))
    assert {round(20 * r["keep"]) for r in results["pruning"]["many_nodes"]} == set(range(1, 6))
    assert results["seed"] == 3
    assert "numpy" in results["versions"]


def test_derived_integrals_match_quadrature(run: tuple[Path, dict[str, Any], str]) -> None:
    _, results, _ = run
    integrals = {row["name"]: row for row in results["derivations"]["integrals"]}
    assert set(integrals) == {"J2", "I2", "I3", "I4"}
    # the quadrature's own error: exact to rounding in two and three dimensions, 1e-8 in four
    assert all(integrals[name]["discrepancy"] < 1e-13 for name in ("J2", "I2", "I3"))
    assert integrals["I4"]["discrepancy"] < 1e-6


def test_the_idealized_table_is_the_reference(run: tuple[Path, dict[str, Any], str]) -> None:
    _, results, html = run
    reference = {"random-node": 1.6, "dpp-node": 1.4815, "random-edge": 1.6585, "dpp-edge": 0.5555}
    rows = {r["method"]: r["plain"] for r in results["idealized_table"] if r["keep"] == 3}
    for method, value in reference.items():
        assert f"{rows[method]:.4f}" == f"{value:.4f}"
        assert f"{value:.4f}" in html


def test_report_is_self_contained_and_reads_its_own_numbers(run: tuple[Path, dict[str, Any], str]) -> None:
    _, results, html = run
    assert re.findall(r'(?:src|href)="(?!data:)', html) == []
    assert html.count("<figcaption>") == html.count("<img") == len(FIGURES)
    assert html.count("<summary>") == 5
    for sentence in readings(results).values():
        assert sentence[:40] in html


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [(3.8781, 0.0523, "3.878(52)"), (0.0912, 0.0018, "0.0912(18)"), (2.0, 0.0, "2.0000(0)")],
)
def test_concise_notation(value: float, error: float, text: str) -> None:
    assert _concise(value, error) == text


def test_out_that_is_a_file_is_refused(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_text("mine")
    with pytest.raises(BadInput, match="cannot be made a folder"):
        module.reproduce(taken, size="quick", seed=1)
    assert taken.read_text() == "mine"


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine; CI installs one")
def test_every_picture_loads_in_a_browser(run: tuple[Path, dict[str, Any], str], tmp_path: Path) -> None:
    _, _, html = run
    check = (
        "<script>onload = () => { document.title = 'loaded ' + "
        "[...document.images].filter(i => i.complete && i.naturalWidth > 300).length + "
        "' wide ' + (document.documentElement.scrollWidth > innerWidth); }</script></body>"
    )
    page = tmp_path / "page.html"
    page.write_text(html.replace("</body>", check))
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    profile = [f"--user-data-dir={tmp_path / 'profile'}", "--window-size=500,900", "--virtual-time-budget=5000"]
    assert CHROMIUM is not None
    done = subprocess.run(
        [CHROMIUM, *flags, *quiet, *profile, "--dump-dom", page.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    # every figure is there, and at a phone's width nothing sticks out sideways
    assert f"<title>loaded {len(FIGURES)} wide false</title>" in done.stdout
