"""Small runs with light of all families that are corrected, and what is in the files that are made of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from calib_core.characterisation.family import families
from calib_core.jobs.spec import JobSpec
from calib_core.jobs.survey import survey
from calib_core.jobs.truth_constants import folder_of, write_truth
from calib_core.simulate import Simulated, default_settings, simulate
from calib_core.simulate.scenes.photons import Photons

from .corrected_files import datasets

Content = dict[str, dict[str, Any]]
FAMILIES = [one.name for one in families() if any(method.corrects for method in one.methods)]
#: Settings of simulated runs by detector type, beside few trains in two files.
_SETTINGS: dict[str, dict[str, Any]] = {
    "AGIPD1M": {"modules": "1-2", "memory_cells": 3}, "DSSC1M": {"modules": "1", "memory_cells": 3},
    "LPD1M": {"modules": "1", "memory_cells": 3}, "JUNGFRAU": {"modules": "1", "memory_cells": 1},
    "GOTTHARD2": {"frames_per_train": 20}}


def light_of(family: str, folder: Path) -> Simulated:
    """Six trains in two files of a family's first detector type, in p900451 r4, with constants without any error."""
    [one] = [one for one in families() if one.name == family]
    settings = default_settings(one.types[0].name).with_changes(
        {"trains": 6, "trains_per_sequence": 3, "proposal": 900451, "first_run": 4,
         **_SETTINGS.get(one.types[0].name, {})})
    made = simulate(settings, folder, scene=Photons(photons=300.0))
    write_truth(made)
    return made


def spec_of(family: str, made: Simulated, out: Path, **parameters: Any) -> JobSpec:
    """The job that corrects such a run."""
    [run] = made.runs.values()
    return survey([run], family=family, method="CORRECT").spec(
        out, parameters=parameters, inputs={"run": (str(run),), "constants": (str(folder_of(made)),)})


def content(folder: Path) -> Content:
    """All that is in corrected files, but for when they were made."""
    return {path.name: {name: values for name, values in datasets(path).items() if not name.startswith("METADATA")}
            for path in sorted(folder.glob("CORR-*.h5"))}
