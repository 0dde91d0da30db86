"""Files of constants in what an operator gives: a folder, the manifest of a set, or a file."""

from __future__ import annotations

from pathlib import Path

from calib_core.errors import BadInput
from calib_core.store.constant_layouts import stand_alone
from calib_core.store.constants import STORE
from calib_core.store.manifests import files_of, is_set


def constant_files(given: Path) -> tuple[Path, ...]:
    """Files of constants, by their paths: of a folder those in the facility's tree and those that stand alone.

    Parameters
    ----------
    given : Path

    Raises
    ------
    BadInput
        There are none.
    """
    found = (tuple(sorted((*given.glob(f"{STORE}/*/*/cal.*.h5"), *filter(stand_alone, given.glob("*.h5")))))
             if given.is_dir() else files_of(given) if is_set(given) else (given,))
    if not found:
        raise BadInput(f"{given} has no constants: there are no files {STORE}/<type>/<unit>/cal.*.h5, "
                       "const_<kind>_<module>.h5, or such as were exported.")
    return found
