"""Which files a characterisation takes as they are, by what it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from calib_core.characterisation.method import Method
from calib_core.characterisation.whole_files import Export, Inject, KeepStatistics
from calib_core.jobs.exported_files import Copies
from calib_core.jobs.injected_files import Injection
from calib_core.jobs.remade_statistics import Remade
from calib_core.jobs.spec import JobSpec
from calib_core.jobs.whole_files import WholeFiles


def whole_files_of(spec: JobSpec, method: Method, paths: Sequence[Path]) -> WholeFiles:
    """Files that a job takes as they are.

    Parameters
    ----------
    spec : JobSpec
    method : Method
    paths : sequence of Path
        That were given.

    Raises
    ------
    BadInput, BadParameter, OutputFailed
        They cannot be taken.
    """
    if isinstance(method, Export):
        return Copies(spec, method, paths)
    if isinstance(method, KeepStatistics):
        return Remade(spec, method, paths)
    assert isinstance(method, Inject)  # no other input takes whole files
    return Injection(spec, method, paths)
