"""A card that lies idle because this copy's PyTorch has no CUDA: said, with what to do, and only then."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from core.native.build import system_toolchain

ROOT = Path(__file__).parents[2]
DRIVER = """
int nvmlInit_v2(void) { return %d; }
int nvmlDeviceGetCount_v2(unsigned *count) { *count = %d; return 0; }
int nvmlShutdown(void) { return 0; }
"""

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the driver is found by another name"),
    pytest.mark.skipif(torch.version.cuda is not None, reason="this PyTorch can use a card"),
]


def said_with(folder: Path, refusal: int, cards: int) -> str:
    """By a process that finds a driver which answers so."""
    toolchain = system_toolchain()
    assert toolchain is not None
    (folder / "driver.c").write_text(DRIVER % (refusal, cards))
    library = folder / "libnvidia-ml.so.1"
    command = [*toolchain.command, "-shared", "-fPIC", str(folder / "driver.c"), "-o", str(library)]
    subprocess.run(command, check=True)
    code = "from core.model.device import unused_card; print(unused_card(), end='')"
    settings = os.environ | {"LD_LIBRARY_PATH": str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=settings, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_an_idle_card_is_said_with_the_remedy(tmp_path: Path) -> None:
    assert said_with(tmp_path, 0, 1).endswith("; python3 main.py --torch cuda gets the one that can")


@pytest.mark.parametrize(("refusal", "cards"), [(0, 0), (999, 1)])
def test_a_driver_without_a_card_is_none(tmp_path: Path, refusal: int, cards: int) -> None:
    assert said_with(tmp_path, refusal, cards) == ""
