"""The testing kit runs with the core and the extra `testing`: Hypothesis, and nothing else."""

import subprocess
import sys
import tomllib
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def brought(requirements, extras=frozenset(), found=None):
    """The distributions that pip brings along for these requirements, seen from a package with these extras."""
    found = {} if found is None else found
    for wanted in map(Requirement, requirements):
        if wanted.marker is None or any(wanted.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            name = canonicalize_name(wanted.name)
            if name not in found or wanted.extras - found[name]:
                found[name] = wanted.extras | found.get(name, set())
                brought(distribution(name).requires or (), found[name], found)
    return set(found)


def modules_beyond(allowed):
    """Modules that no distribution in `allowed` brings, but another does."""
    return sorted(
        module
        for module, owners in packages_distributions().items()
        if not {canonicalize_name(owner) for owner in owners} & allowed
    )


SESSION = """
import sys

class Refused:
    def __init__(self, names):
        self.names = set(names)
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Refused(["hypothesis"]))
try:
    import divprune_sym.testing
except ImportError as error:
    print(error)
sys.meta_path[0] = Refused(%r)

import numpy as np
from divprune_sym import testing
from divprune_sym.dpp import LEnsemble
for name in testing.__all__:
    getattr(testing, name)
testing.assert_dpp_law(lambda L, k, rng, n: LEnsemble.from_matrix(L).sample_k(k, rng, n), np.diag([1.0, 2.0]), 1)
"""


def test_the_kit_needs_hypothesis_only():
    allowed = {"divprune-sym"} | brought(PROJECT["dependencies"] + PROJECT["optional-dependencies"]["testing"])
    assert {"hypothesis", "numpy", "sympy"} <= allowed
    refused = modules_beyond(allowed)
    assert {"pytest", "onnx", "safetensors", "dppy", "xdist"} <= set(refused)
    run = subprocess.run([sys.executable, "-c", SESSION % refused], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout == "divprune_sym.testing needs Hypothesis: pip install 'divprune-sym[testing]'\n"
