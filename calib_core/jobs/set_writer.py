"""A set of constants while it is written: complete in the end, or marked as what it is."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from calib_core import __version__
from calib_core.characterisation.inputs import NEUTRAL
from calib_core.constants.constant import Constant
from calib_core.detector import Module
from calib_core.errors import AlreadyWritten, BadInput
from calib_core.io.buffers import Buffers
from calib_core.io.handles import Identity
from calib_core.jobs.board import Written
from calib_core.jobs.constant_files import layouts
from calib_core.jobs.plan import Plan
from calib_core.jobs.provenance import index_hash
from calib_core.store.constants import Show, folder_of_type, write_constant
from calib_core.store.files import appear
from calib_core.store.local.index import is_index
from calib_core.store.manifests import Manifest, Member, SetOnDisk, Writer, list_sets, name_of, put, remove
from calib_core.store.statuses import CALCAT_WORD
from calib_core.store.withheld import Withheld

#: What a job's results do not depend on, or what differs between two starts of the same.
_NOT_OF_KEY = {"out_folder", "memory_mb", "threads", "parts", "notes", "again", "all_or_nothing", "inputs",
               "constants"}
#: Seconds between two signs that withheld files are still wanted.
_SIGN_OF_LIFE = 300.0


class SetWriter:
    """Writes constants, and the manifest that says which are there; may be used from several threads.

    Parameters
    ----------
    planned : SetOnDisk or None
        What is to be written; None for a job without constants.
    root : Path
        Root of the tree of constants.
    withhold : bool
        Whether files appear only when all of them are there.
    wrote : callable
        Told of each file as soon as it is there.
    """

    def __init__(
        self, planned: SetOnDisk | None, root: Path, withhold: bool, wrote: Callable[[list[Written]], None],
    ) -> None:
        self._wrote, self._root = wrote, root
        self._lock = threading.Lock()
        self._withheld = Withheld() if withhold else None
        self._waiting: list[Written] = []
        self._set, self._begun, self._sign = planned, False, time.monotonic()

    @property
    def on_disk(self) -> SetOnDisk | None:
        """The set as it is now; None for a job without constants."""
        return self._set and replace(self._set)

    @property
    def files(self) -> dict[int, tuple[Path, ...]]:
        """Constants of the modules that have all of theirs on the disk, in the order of the plan's layouts."""
        if (found := self.on_disk) is None:
            return {}
        _, whole, _ = found.modules
        return {module: tuple(found.folder / one.path for one in found.there if one.module == module)
                for module in sorted(whole)}

    def write(self, constant: Constant, buffers: Buffers | None) -> Written:
        """Write a constant; it is told, or withheld until all are there.

        Parameters
        ----------
        constant : Constant
        buffers : Buffers, optional
            For the file while it is made; without, it is made on the disk.

        Raises
        ------
        OutputFailed
            It cannot be written.
        """
        place = (constant.pdu, constant.calibration)
        made = write_constant(constant, self._root, partial(self._show, place), buffers)
        self._note(place, sha256=made.sha256, bytes=made.bytes)
        file = Written(made.path, "constant", made.sha256, made.bytes)
        if self._withheld is None:
            self._wrote([file])
        else:
            self._waiting.append(file)
        return file

    def keep(self) -> None:
        """Show others that withheld files are still wanted."""
        if self._withheld is not None and time.monotonic() - self._sign > _SIGN_OF_LIFE:
            self._sign = time.monotonic()
            self._withheld.touch()

    def complete(self) -> None:
        """Say on the disk that everything is there.

        Raises
        ------
        OutputFailed
            Withheld files cannot appear, or the manifest cannot be written.
        RuntimeError
            Not everything is there.
        """
        with self._lock:
            if self._set is None:
                return
            if self._withheld is not None:
                self._save()
                self._withheld.release()
                self._wrote(self._waiting)
            there, members = len(replace(self._set).there), len(self._set.manifest.members)
            if there < members:
                raise RuntimeError(f"only {there} of {members} constants are there at the end of the job")
            self._change(state="complete")
            self._save()

    def cut_short(self, why: str) -> None:
        """Say on the disk that the set stays as it is: complete where all was written, else why it is not.

        Raises
        ------
        OutputFailed
            The manifest cannot be written; the one before says that the set is not complete.
        """
        with self._lock:
            if self._withheld is not None:
                self._withheld.drop()
            if self._set is None or not self._begun:
                return
            there = replace(self._set).there
            if not there:
                remove(self._set)
                return
            whole = len(there) == len(self._set.manifest.members)
            missing = {"path": "", "sha256": "", "bytes": 0}
            self._change(state="complete" if whole else "incomplete", why="" if whole else why, members=tuple(
                one if one in there else one.model_copy(update=missing) for one in self._set.manifest.members))
            self._save()

    def _show(self, place: tuple[str, str], temporary: Path, path: Path) -> None:
        """Let a file appear after its name was noted, so that there is none that nobody knows."""
        show: Show = appear if self._withheld is None else self._withheld.hold
        self._note(place, path=path)
        show(temporary, path)

    def _note(self, place: tuple[str, str], path: Path | None = None, **changes: Any) -> None:
        with self._lock:
            assert self._set is not None
            if path is not None:
                changes["path"] = str(path.relative_to(self._set.folder))
            self._change(members=tuple(
                one.model_copy(update=changes) if (one.unit, one.calibration) == place else one
                for one in self._set.manifest.members))
            if path is not None and self._withheld is None:
                self._save()

    def _change(self, **changes: Any) -> None:
        assert self._set is not None
        self._set = replace(self._set, manifest=self._set.manifest.model_copy(update=changes))

    def _save(self) -> None:
        assert self._set is not None
        self._begun = True
        put(self._set)


def planned_set(plan: Plan) -> SetOnDisk | None:
    """The set that a job is to write; None where it writes no constants.

    Parameters
    ----------
    plan : Plan
    """
    members = tuple(Member(unit=module.pdu, calibration=layout.calibration.name, module=module.number)
                    for module in _modules(plan) for layout in layouts(plan))
    if not members or plan.detector is None:
        return None
    return SetOnDisk(plan.spec.out_folder / folder_of_type(plan.detector_type.database_type), name_of(plan.started),
                     Manifest(key=key_of(plan), job=f"{plan.spec.family} {plan.spec.method}",
                              detector=plan.detector.identifier, started=plan.started, writer=Writer.here(),
                              left_out=plan.left_out, members=members))


def _modules(plan: Plan) -> Iterator[Module]:
    yield from (plan.detector.module(number) for number in plan.modules
                if plan.detector is not None and number is not None)


def look_before(plan: Plan) -> tuple[str, ...]:
    """Look at the sets that are there already; returns sentences on those that are not whole.

    Raises
    ------
    AlreadyWritten
        One of them is whole and of the same job, and the specification does not say ``again``.
    BadInput
        All modules or nothing is asked for, and some cannot take part.
    """
    if plan.spec.all_or_nothing:
        _refuse_a_part(plan)
    if planned_set(plan) is None:
        return ()
    found, trouble = list_sets(plan.spec.out_folder)
    key = key_of(plan)
    same = [one for one in found if one.manifest.key == key and one.whole]
    if same and not plan.spec.again:
        raise AlreadyWritten(_already(same[-1]), same[-1].path)
    done = {one.manifest.key for one in found if one.whole}
    return (*(one.sentence() for one in found if not one.whole and one.manifest.key not in done), *trouble)


def _refuse_a_part(plan: Plan) -> None:
    absent = dict.fromkeys(sorted(set(plan.spec.modules) - set(plan.modules)), "there are no data of it.")
    for number, why in {**absent, **plan.left_out}.items():
        raise BadInput(f"Module {number} cannot take part, and all or nothing is asked for: {why}")


def _already(one: SetOnDisk) -> str:
    number = len(one.manifest.members)
    return (f"The same job, of the same runs, has written {number} constant{'s' * (number > 1)} at "
            f"{one.manifest.started:%Y-%m-%d %H:%M} UTC already, and they are whole ({one.path}). "
            "Nothing was written.")


def key_of(plan: Plan) -> str:
    """What two jobs have in common that make the same constants: specification, inputs and version.

    Memory, threads, parts and the output folder decide no result. Of raw data the index of the frames that are used
    counts, and name, size and time of each file; of constants as well.
    """
    said = plan.spec.model_dump(mode="json", exclude=_NOT_OF_KEY)
    used = {f"{module} {key}": index_hash(frames) for (module, key), frames in sorted(plan.frames.items())}
    given = {name: [_of_input(path, plan) for path in plan.spec.paths(name)] for name in sorted(plan.spec.inputs)}
    given |= {f"{module}:{kind}": [_of_input(Path(path), plan)] for module, of_module in plan.spec.constants.items()
              for kind, path in of_module.items()}
    text = json.dumps([__version__, said, used, given], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _of_input(path: Path, plan: Plan) -> list[Any]:
    """Path, and name, size and time of each file behind it, of a run's as they were when it was surveyed."""
    if str(path) == NEUTRAL:
        return [NEUTRAL]
    if str(path) == CALCAT_WORD:
        return [CALCAT_WORD, *(str(file) for file in sorted(_taken(plan)))]
    run = next((one for one in plan.runs.values() if one.path == path), None)
    found = ([(file.path, file.identity) for file in run.files] if run
             else [(file, _identity(file)) for file in _constants_at(path, plan)])
    return [str(path.resolve()), *([file.name, one.size, one.changed] for file, one in found)]


def _constants_at(path: Path, plan: Plan) -> list[Path]:
    """Files of a folder; of a store, which has those of years, the ones that are taken."""
    if is_index(path):
        return sorted(file for file in _taken(plan) if file.is_relative_to(path))
    return sorted(path.rglob("cal.*.h5")) if path.is_dir() else [path]


def _taken(plan: Plan) -> Iterator[Path]:
    for of_module in plan.before.constants.values():
        yield from (one.stored.path for _, one, _ in of_module.files())
    for blocks in plan.source.constants.values():
        yield from (one.path for one in blocks.stored.values())


def _identity(file: Path) -> Identity:
    try:
        return Identity.of(file)
    except OSError as error:
        raise BadInput(f"{file} cannot be reached: {error.strerror}.") from error
