"""The AI's identity is one on every host, and outlives the loss of either of its two places."""

from pathlib import Path

import pytest

from circles.adapters.matrix.crypto.cross_signing import CrossSigning
from circles.testing import AI


def test_each_host_takes_the_identity_that_the_database_has(tmp_path: Path) -> None:
    """Whatever its own file says, also where that is damaged; its file has it then, for its owner alone."""
    first = CrossSigning.load(AI, tmp_path / "first", None)
    other, damaged = tmp_path / "other", tmp_path / "damaged"
    CrossSigning.load(AI, other, None)
    damaged.write_text("{")

    for file in (other, damaged, tmp_path / "none"):
        assert CrossSigning.load(AI, file, first.shared).public("master") == first.public("master")
        assert CrossSigning.load(AI, file, None).public("self_signing") == first.public("self_signing")
        assert file.stat().st_mode & 0o777 == 0o600


def test_a_damaged_file_makes_no_new_identity(tmp_path: Path) -> None:
    """Where the database knows nothing either, a person must say so."""
    file = tmp_path / "cross_signing.json"
    file.write_text('{"master": "AAAA"}')

    with pytest.raises(ValueError, match="damaged"):
        CrossSigning.load(AI, file, None)
