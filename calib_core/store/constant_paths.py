"""Files of constants in what an operator gives: a folder, the manifest of a set, or a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from calib_core.errors import BadInput
from calib_core.store.constant_layouts import stand_alone
from calib_core.store.constants import STORE
from calib_core.store.manifests import files_of, is_set


def stand_alone_in(given: Sequence[Path]) -> bool:
    """Whether all of some paths are files of constants that stand alone, or folders of such.

    Parameters
    ----------
    given : sequence of Path
    """
    return bool(given) and all(map(_stand_alone_in, given))


def _stand_alone_in(path: Path) -> bool:
    if not path.is_dir():
        return stand_alone(path)
    return any(map(stand_alone, path.glob("*.h5"))) and not (path / STORE).is_dir()


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
