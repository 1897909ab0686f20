"""Refusals of commands about networks look like all others."""

from tests.cli.conftest import stops as stops
