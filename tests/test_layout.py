"""A feature is one folder whose file names are roles: whoever knows one knows all."""

import importlib
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
FEATURES = ROOT / "appservice" / "circles" / "features"
ROLES = {
    "__init__",
    "change",
    "control",
    "decide",
    "fire",
    "handler",
    "prompts",
    "store",
    "strings",
    "tools",
    "values",
    "words",
}


def test_each_feature_is_registered() -> None:
    """The registry's table lists every folder, and nothing else, under the folder's own name."""
    names = [folder.name for folder in _features()]
    registered = (
        sorted(feature.name for feature in importlib.import_module("circles.registry").FEATURES) if names else []
    )

    assert names == registered


def test_each_feature_has_only_files_with_known_roles() -> None:
    """A file's name says what it does; there are no folders inside a feature."""

    def strangers(folder: Path) -> list[str]:
        return [path.name for path in folder.iterdir() if path.suffix != ".py" or path.stem not in ROLES]

    _no_feature_has(lambda folder: sorted(set(strangers(folder)) - {"__pycache__"}))


def test_each_feature_has_a_page() -> None:
    """docs/howto/<name>.md tells people how to use it."""
    _no_feature_has(lambda folder: _missing(ROOT / "docs" / "howto" / f"{folder.name}.md"))


def test_each_feature_has_its_decisions_tested() -> None:
    """tests/features/<name>/test_decide.py holds its rules."""
    _no_feature_has(lambda folder: _missing(ROOT / "tests" / "features" / folder.name / "test_decide.py"))


def _features() -> list[Path]:
    return sorted(path.parent for path in FEATURES.glob("*/__init__.py"))


def _missing(path: Path) -> list[str]:
    return [] if path.is_file() else [str(path.relative_to(ROOT))]


def _no_feature_has(fault: Callable[[Path], list[str]]) -> None:
    # A loop rather than a parameter: with no features yet the rule holds, and nothing is skipped.
    assert {folder.name: found for folder in _features() if (found := fault(folder))} == {}
