"""Small simulated runs, written once for all tests of the simulator."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from calib_core.simulate import Simulated, default_settings, simulate

Make = Callable[..., Simulated]


@pytest.fixture(scope="session")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Simulate a detector type with some settings changed, in a new data root."""

    def write(name: str, **changes: object) -> Simulated:
        return simulate(default_settings(name).with_changes(changes), tmp_path_factory.mktemp(name))

    return write


@pytest.fixture(scope="session")
def agipd(make: Make) -> Simulated:
    """Two modules with lost and suspect trains in three sequence files, one cell of four vetoed."""
    return make("AGIPD1M", modules="0,15", trains=12, trains_per_sequence=5, lost_trains=0.3, suspect_trains=0.3,
                vetoed_cells=0.25, format_version="1.3")


@pytest.fixture(scope="session")
def agipd_500k(make: Make) -> Simulated:
    return make("AGIPD500K", modules="2", trains=4, bias_voltage=250.0, gain_setting=1, fixed_gain=True)


@pytest.fixture(scope="session")
def burst(make: Make) -> Simulated:
    """JUNGFRAU in burst mode with missing frames."""
    return make("JUNGFRAU", modules="2", memory_cells=16, trains=2, vetoed_cells=0.2, gain_setting=1)


@pytest.fixture(scope="session")
def single(make: Make) -> Simulated:
    """JUNGFRAU with one memory cell, two modules and many bad pixels."""
    return make("JUNGFRAU", modules="1-2", trains=20, wrong_gain_share=0.01, dead_share=0.01, dead_block_module=2,
                lost_trains=0.1)


@pytest.fixture(scope="session")
def statistics(make: Make) -> Simulated:
    """One module with enough trains to compare with the truth."""
    return make("AGIPD500K", modules="0", memory_cells=2, trains=60)


def files(simulated: Simulated, pattern: str = "*.h5") -> list[Path]:
    """Raw files of all runs."""
    return sorted(path for run in simulated.runs.values() for path in run.glob(pattern))
