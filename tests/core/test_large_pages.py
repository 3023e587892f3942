"""Memory in large pages, where the system has them."""

import sys
from pathlib import Path

import numpy as np
import pytest

from core.model.large_pages import are_given, in_large_pages

MANY = 16 * 2**20


@pytest.mark.parametrize(
    ("setting", "given"),
    [
        ("always [madvise] never", True),
        ("[always] madvise never", True),
        ("always madvise [never]", False),
    ],
)
def test_the_systems_setting_is_heeded(tmp_path: Path, setting: str, given: bool) -> None:
    (tmp_path / "enabled").write_text(f"{setting}\n")
    assert are_given(tmp_path / "enabled") is given
    assert not are_given(tmp_path / "absent")


def test_memory_is_written_and_read_and_goes_back() -> None:
    memory = in_large_pages(MANY)
    if sys.platform != "linux" or not are_given():
        assert memory is None
        return
    assert memory is not None
    memory[:] = 7
    assert int(memory.sum(dtype=np.int64)) == 7 * MANY
    part = memory[100:200]
    del memory  # a part keeps the whole
    assert np.unique(part).tolist() == [7]
