"""One virtual file that shows the corrected frames of all modules as one array, which EXtra-data makes."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from calib_core.errors import OutputFailed
from calib_core.io.files import HDF5_ERRORS, cause_of
from calib_core.io.libraries import components, extra_data
from calib_core.jobs.plan import Plan
from calib_core.store.files import TEMPORARY_PREFIX


def write_virtual(plan: Plan, files: Sequence[Path]) -> Path:
    """Write ``VIRTUAL-R<run>-<detector>.cxi`` beside the corrected files; one that is there is replaced.

    Parameters
    ----------
    plan : Plan
        Of a correction of a type that EXtra-data has a component of.
    files : sequence of Path
        Corrected files, all whole.

    Returns
    -------
    Path

    Raises
    ------
    OutputFailed
        EXtra-data cannot make it, or it cannot be written; nothing half-written stays.
    """
    assert plan.detector is not None
    [run] = plan.runs.values()
    folder, identifier = plan.spec.out_folder, plan.detector.identifier
    path = folder / f"VIRTUAL-R{run.run_number or 0:04d}-{identifier}.cxi"
    part = folder / (TEMPORARY_PREFIX + secrets.token_hex(8) + ".cxi")
    try:
        with extra_data.DataCollection.from_paths([str(one) for one in files], is_single_run=True) as corrected:
            component = getattr(components, plan.detector_type.component)
            component(corrected, detector_name=identifier, min_modules=1).write_virtual_cxi(str(part))
        os.replace(part, path)
    except HDF5_ERRORS as error:
        raise OutputFailed(f"{path} could not be written: {cause_of(error)}.") from error
    finally:
        part.unlink(missing_ok=True)
    return path
