"""What a solution is good for beyond its arrays: any time, files, tables, figures."""

from __future__ import annotations

import csv
import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp

import divprune_sym as dp
from divprune_sym.gaussian import Activation
from divprune_sym.ground.checks import BadInput

ALPHAS = [0.0, 1.0, 5.0, 20.0]
LEAKY = Activation("leaky", g=lambda u: u * sp.Heaviside(u) + u / 10)


def problem(**changes: Any) -> dp.Problem:
    state = dp.OrderParameters.unpruned(Q=[[0.5, 0.1], [0.1, 0.4]], R=[[0.3], [0.1]], T=[[1.0]], v=[1.0, 0.5], A=[1.0])
    return dp.Problem(state, **({"eta": 0.3, "eta_v": 0.1, "sigma": 0.1} | changes))


@pytest.fixture(scope="module")
def solved() -> dp.Solution:
    return dp.integrate(problem(), ALPHAS)


@pytest.mark.parametrize("alpha", [0.3, 3.0, 19.9])
def test_at_any_time_as_accurate_as_a_solution_that_reports_it(solved: dp.Solution, alpha: float) -> None:
    """rtol = 1e-8 a step, some tens of steps, and equations that contract: a factor 100 covers them."""
    finer = dp.integrate(problem(), [alpha], rtol=1e-12).state()
    found = solved.at(alpha)
    assert np.abs(found.Q - finer.Q).max() < 1e-6
    assert np.abs(found.R - finer.R).max() < 1e-6
    assert np.abs(found.v - finer.v).max() < 1e-6
    # a neighboring time is told from it by far more
    assert np.abs(solved.at(alpha * 0.99).R - finer.R).max() > 1e-5


def test_at_its_own_times_it_is_the_state(solved: dp.Solution) -> None:
    for n, alpha in enumerate(ALPHAS):
        assert solved.at(alpha) == solved.state(n)


def test_before_the_first_time() -> None:
    late = dp.integrate(problem(), [5.0])
    assert late.at(0) == late.problem.state
    assert np.allclose(late.at(1.0).Q, dp.integrate(problem(), [1.0]).Q[0], rtol=0, atol=1e-6)


@pytest.mark.parametrize("method", ["auto", "dop853", "dopri5", "bdf"])
def test_other_times_are_those_that_the_run_would_have_reported(method: str) -> None:
    """To the bit: the steps do not know which times are reported before the last."""
    between = [0.2, 3.0, 5.0, 17.25]
    solution = dp.integrate(problem(), ALPHAS, method=method)
    whole = dp.integrate(problem(), sorted({*ALPHAS, *between}), method=method)
    found = solution.at(between)
    for n, alpha in enumerate(between):
        reported = whole.state(int(np.searchsorted(whole.alpha, alpha)))
        assert found.state(n) == reported
        assert solution.at(alpha) == reported  # one alone, or with others
    assert found.at([3.0, 17.25]) == replace(found, **_rows(found, [1, 3]))


def _rows(solution: dp.Solution, rows: list[int]) -> dict[str, Any]:
    names = ("alpha", "generalization_error", "Q_classes", "R_classes", "v")
    return {name: getattr(solution, name)[rows] for name in names}


def test_many_times_are_one_pass() -> None:
    """Counted, not timed: the integrator is asked once, for all of them."""
    asked: list[int] = []
    solution = dp.integrate(problem(), ALPHAS)

    def counted(p: dp.Problem, alphas: Any) -> dp.Solution:
        asked.append(len(alphas))
        return dp.integrate(p, alphas)

    found = replace(solution, integrator=counted).at(np.linspace(0.0, 20.0, 1001))
    assert asked == [1001]
    assert len(found.alpha) == len(found.Q) == 1001


@pytest.mark.parametrize("times", [[], [3.0, 2.0], [1.0, 20.5], [-1.0, 2.0], [[1.0]], [np.nan]])
def test_times_that_are_none(solved: dp.Solution, times: Any) -> None:
    with pytest.raises(BadInput, match="alpha"):
        solved.at(times)


def test_fixed_steps_go_on_with_fixed_steps() -> None:
    solution = dp.integrate_fixed_step(problem(), [1.0, 2.0], 0.01)
    assert solution.at(1.5) == dp.integrate_fixed_step(problem(), [1.0, 1.5], 0.01).state()


@pytest.mark.parametrize(("alpha", "words"), [(-1.0, r"\[0, 20\]"), (20.1, r"\[0, 20\]"), (np.nan, "alpha = nan")])
def test_outside(solved: dp.Solution, alpha: float, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        solved.at(alpha)


def test_a_file_keeps_everything(solved: dp.Solution, tmp_path: Path) -> None:
    solved.save(tmp_path / "s.npz")
    again = dp.load_solution(tmp_path / "s.npz")
    assert again == solved
    assert again.at(3.0) == solved.at(3.0)
    assert again.at([0.5, 3.0]) == solved.at([0.5, 3.0])
    assert pickle.loads(pickle.dumps(solved)) == solved


def test_a_file_keeps_mask_classes_and_events(tmp_path: Path) -> None:
    halves = problem().state
    state = dp.OrderParameters(
        *(np.stack([0.5 * x, 0.5 * x]) for x in (halves.Q, halves.R, halves.T)),
        halves.v, halves.A, np.array([[1.0, 0.0], [1.0, 1.0]]), np.full(2, 0.5), np.ones(2),
    )  # fmt: skip
    solution = dp.integrate(dp.Problem(state, eta=0.3), ALPHAS, events=[dp.ErrorReaches(0.05)])
    assert solution.events
    solution.save(tmp_path / "s.npz")
    assert dp.load_solution(tmp_path / "s.npz") == solution


@pytest.mark.parametrize("activation", ["relu", "erf[2]", "polynomial[0, 1, 1/2]", LEAKY])
def test_a_file_keeps_the_activation(solved: dp.Solution, tmp_path: Path, activation: Any) -> None:
    from dataclasses import replace

    other = replace(solved, problem=problem(activation=activation, small_eta=True, eta_v=0.0))
    other.save(tmp_path / "s.npz")
    assert dp.load_solution(tmp_path / "s.npz").problem == other.problem


def test_what_cannot_be_written_down_is_refused_by_name(solved: dp.Solution, tmp_path: Path) -> None:
    from dataclasses import replace

    strange = Activation("bessel", g=lambda u: sp.besselj(0, u))
    other = replace(solved, problem=problem(activation=strange, small_eta=True))
    with pytest.raises(BadInput, match=r"activation 'bessel': besselj.* cannot be written"):
        other.save(tmp_path / "s.npz")
    assert not list(tmp_path.iterdir())


def changed(path: Path, **arrays: Any) -> Path:
    with np.load(path) as file:
        held = {name: file[name] for name in file.files}
    np.savez(path, **{name: value for name, value in (held | arrays).items() if value is not None})
    return path


def about_of(path: Path, **changes: Any) -> np.ndarray[Any, Any]:
    with np.load(path) as file:
        about = json.loads(str(file["about"]))
    return np.array(json.dumps({k: v for k, v in (about | changes).items() if v is not ...}))


@pytest.mark.parametrize(
    ("arrays", "about", "words"),
    [
        ({"v": None}, {}, "lacks v"),
        ({"v": np.ones((4, 3))}, {}, r"v: shape \(4, 3\)"),
        ({"alpha": np.array([0.0, 2.0, 1.0, 3.0])}, {}, "alpha: must increase"),
        ({"R": np.full((4, 2, 1), np.nan)}, {}, "must be finite"),
        ({"about": None}, {}, "holds no solution"),
        ({"about": np.array("[" * 5000)}, {}, "holds no solution"),
        ({"problem_T_classes": None}, {}, "lacks T_classes"),
        ({"problem_mask": np.full((1, 2), 0.5)}, {}, "mask: entries must be 0 or 1"),
        ({}, {"format": "another"}, "holds no solution"),
        ({}, {"status": 17}, "holds no solution"),
        ({}, {"nfev": "many"}, "holds no solution"),
        ({}, {"events": 3}, "holds no solution"),
        ({}, {"problem": {}}, "the problem: has"),
        ({}, {"integrator": {"name": "os.system", "options": {}}}, "integrator: .*expected one of integrate"),
        ({}, {"integrator": {"name": "integrate", "options": {"throw": False}}}, "expected one of integrate"),
        ({}, {"integrator": {"name": "integrate", "options": {"rtol": "x"}}}, "rtol = x, expected a float"),
    ],
)
def test_a_broken_file_is_refused_in_one_line(
    solved: dp.Solution, tmp_path: Path, arrays: dict[str, Any], about: dict[str, Any], words: str
) -> None:
    path = tmp_path / "s.npz"
    solved.save(path)
    extra = {"about": about_of(path, **about)} if about else {}
    with pytest.raises(BadInput, match=words) as refused:
        dp.load_solution(changed(path, **extra, **arrays))
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_formula_in_a_file_is_read_and_never_run(solved: dp.Solution, tmp_path: Path) -> None:
    path = tmp_path / "s.npz"
    solved.save(path)
    with np.load(path) as file:
        about = json.loads(str(file["about"]))
    about["problem"]["activation"] = {"name": "x", "formula": "__import__('os').abort()"}
    with pytest.raises(BadInput, match=r"means nothing here|unknown"):
        dp.load_solution(changed(path, about=np.array(json.dumps(about))))


def test_truncated(solved: dp.Solution, tmp_path: Path) -> None:
    path = tmp_path / "s.npz"
    solved.save(path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(BadInput, match="no npz file, or a truncated one"):
        dp.load_solution(path)


def test_csv_has_the_bits(solved: dp.Solution, tmp_path: Path) -> None:
    solved.save(tmp_path / "s.csv")
    with (tmp_path / "s.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [
        "alpha", "generalization_error", "Q[0,0]", "Q[0,1]", "Q[1,1]", "R[0,0]", "R[1,0]", "v[0]", "v[1]",
    ]  # fmt: skip
    assert [float(row["Q[0,1]"]) for row in rows] == solved.Q[:, 0, 1].tolist()
    assert [float(row["alpha"]) for row in rows] == ALPHAS


def test_another_ending_is_refused(solved: dp.Solution, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"p\.txt: ending '\.txt', but what is written is \.npz or \.csv"):
        solved.save(tmp_path / "p.txt")
    assert not list(tmp_path.iterdir())


def test_xarray(solved: dp.Solution, tmp_path: Path) -> None:
    xarray = pytest.importorskip("xarray")
    pytest.importorskip("zarr")
    table = solved.to_xarray()
    assert table.generalization_error.sel(alpha=5.0).item() == solved.generalization_error[2]
    assert table.R.sel(alpha=5.0, student=1, teacher=0).item() == solved.R[2, 1, 0]
    assert table.alpha.attrs["units"] == "updates / inputs"
    assert all({"units", "long_name"} <= table[name].attrs.keys() for name in table.data_vars)
    assert (table.attrs["eta"], table.attrs["activation"], table.attrs["status"]) == (0.3, "erf", "DONE")
    table.to_zarr(tmp_path / "s.zarr", consolidated=False)
    assert xarray.open_zarr(tmp_path / "s.zarr", consolidated=False).identical(table)


def test_dataframe(solved: dp.Solution) -> None:
    pytest.importorskip("pandas")
    table = solved.to_dataframe()
    assert table.index.name == "alpha"
    assert table.loc[5.0, "R[1,0]"] == solved.R[2, 1, 0]
    assert table.shape == (4, 8)


def test_without_the_packages_the_line_to_install_them(solved: dp.Solution, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    for module in ("xarray", "pandas"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(BadInput, match=r"to_xarray: needs xarray; pip install 'divprune-sym\[sweep\]'"):
        solved.to_xarray()
    with pytest.raises(BadInput, match="to_dataframe: needs pandas; pip install pandas"):
        solved.to_dataframe()


def test_plot(solved: dp.Solution) -> None:
    from matplotlib.figure import Figure

    axes = Figure().add_subplot()
    assert solved.plot(axes=axes) is axes
    assert axes.get_yscale() == "log"
    assert axes.lines[0].get_ydata().tolist() == solved.generalization_error.tolist()
    overlaps = solved.plot("Q", Figure().add_subplot())
    assert [line.get_label() for line in overlaps.lines] == ["Q[0,0]", "Q[0,1]", "Q[1,1]"]
    with pytest.raises(BadInput, match="name = 'T': expected one of"):
        solved.plot("T")


def test_shown_in_a_notebook(solved: dp.Solution) -> None:
    html = solved._repr_html_()
    assert f"<td>5</td><td>{solved.generalization_error[2]:.6g}</td>" in html
    assert "2 student and 1 teacher nodes (erf)" in html
    assert html.count("<tr>") == 5
