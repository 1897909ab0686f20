"""Sphinx configuration. Build: sphinx-build -W -b html docs docs/_build"""

from __future__ import annotations

import shutil
import sys
from importlib.metadata import version as installed
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import api_page  # noqa: E402

project = "divprune_sym"
author = "The divprune_sym developers"
copyright = "2026, the divprune_sym developers"
release = version = installed("divprune-sym")

extensions = ["myst_nb", "numpydoc", "sphinx.ext.autodoc", "sphinx.ext.mathjax", "sphinxcontrib.bibtex"]
exclude_patterns = ["_build", "api_page.py", "conf.py", "examples", "jupyter_execute"]
html_theme = "pydata_sphinx_theme"
html_theme_options = {"show_toc_level": 2, "navigation_with_keys": False}
bibtex_bibfiles = ["references.bib"]

# derivations are percent scripts: what is rendered is what the tests run
nb_custom_formats = {".py": ["jupytext.reads", {"fmt": "py:percent"}]}
nb_execution_mode = "cache"
nb_execution_timeout = 120
nb_execution_raise_on_error = True
myst_enable_extensions = ["dollarmath", "amsmath"]
numpydoc_show_class_members = False
autodoc_typehints = "none"
suppress_warnings = ["mystnb.unknown_mime_type"]


def _copy_derivations() -> None:
    """Sphinx reads only below its own folder: bring the derivations there for the time of the build."""
    target = HERE / "derivations"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    for script in sorted((HERE.parent / "derivations").glob("[0-9]*.py")):
        shutil.copy(script, target)


_copy_derivations()
api_page.write(HERE / "api.md")


def _escape_bars(app, what, name, obj, options, lines):
    """In our docstrings |x| is an absolute value or a size, not a substitution."""
    lines[:] = [line if line.lstrip().startswith((">>>", "...", "| ")) else line.replace("|", r"\|") for line in lines]


def setup(app):
    """Hook into Sphinx."""
    app.connect("autodoc-process-docstring", _escape_bars, priority=900)
