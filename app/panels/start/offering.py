"""From sources of constants to what takes them: a characterisation of all, or a correction; knows no widgets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakKeyDictionary

from PyQt6.QtCore import QObject, pyqtSignal

from app.session.session import Session
from app.session.sources import Source
from calib_core.characterisation.family import Family, families
from calib_core.characterisation.method import Method
from calib_core.constants.constant import ConstantKind
from calib_core.detector import DetectorType
from calib_core.errors import CalibrationError
from calib_core.jobs.spec import JobSpec
from calib_core.jobs.survey import reads_runs, without_runs
from calib_core.store.constants import STORE, read_constant
from calib_core.store.manifests import set_of


@dataclass(frozen=True)
class Offer:
    """A characterisation, and which source is given for which of its inputs.

    Attributes
    ----------
    family, method
    given : mapping of str to Path
        Set, or folder of the files, by the name of the input.
    out_folder : Path
        Where the constants of the first input are, so that all lie together.
    """

    family: Family
    method: Method
    given: Mapping[str, Path]
    out_folder: Path


class Offering(QObject):
    """Offers and proposes what takes the constants of sources.

    Signals
    -------
    wanted(spec)
        The form is to show a job.
    """

    wanted = pyqtSignal(object)

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._kinds: WeakKeyDictionary[Source, _Held] = WeakKeyDictionary()

    def offer(self, sources: Sequence[Source]) -> Offer | None:
        """What takes the constants of some sources, each for an input of its own.

        Parameters
        ----------
        sources : sequence of Source

        Returns
        -------
        Offer or None
            None where one has no constants, or nothing takes all of them. What takes those of several sources is for
            two or more: one alone leaves nothing to be put together.
        """
        kind = sources[0].kind if sources else None
        if kind is None:
            return None
        tasks = [(family, method) for family in families() if family.has(kind) for method in family.methods
                 if not reads_runs(family, method) and not any(one.whole for one in method.inputs(family.kind))
                 and min(2, len(method.inputs(family.kind))) <= len(sources)]
        found = [self._held(one) for one in sources] if tasks else []
        known = [(one.kinds, one.given) for one in found if one is not None and one.given is not None]
        offers = (_offer(family, method, known) for family, method in tasks if len(known) == len(sources))
        return next((one for one in offers if one is not None), None)

    def take(self, sources: Sequence[Source]) -> None:
        """Show a job that takes some sources; that there is none is said."""
        offer = self.offer(sources)
        if offer is None:
            self._session.say("ERROR", "These sources are no inputs of one characterisation.")
            return
        self._session.set_survey(without_runs(offer.family, offer.method))
        inputs = {name: (str(path),) for name, path in offer.given.items()}
        self.wanted.emit(JobSpec.checked(family=offer.family.name, method=offer.method.command, inputs=inputs,
                                         out_folder=offer.out_folder))

    def can_correct(self, source: Source) -> bool:
        """Whether a run can be corrected with a source: its detector's correction takes some of its constants.

        Parameters
        ----------
        source : Source
        """
        held, kind = self._held(source), source.kind
        return held is not None and kind is not None and any(
            one.name in held.kinds for family in families() if family.has(kind)
            for method in family.methods if method.corrects for one in _taken(family, method))

    def _held(self, source: Source) -> _Held | None:
        """Constants of a source that has ended; it is looked once."""
        if source not in self._kinds:
            held = _looked(source.files, source.kind)
            if held is None:
                return None
            self._kinds[source] = held
        return self._kinds[source]


@dataclass(frozen=True)
class _Held:
    """Constants of a source: names of their kinds, and what is given for an input so that it takes them.

    Nothing can be given where they tell no set, and lie beside others.
    """

    kinds: frozenset[str]
    given: Path | None


def _looked(files: Sequence[Path], kind: DetectorType | None) -> _Held | None:
    """Constants of the first unit; None where there are no constants."""
    constants = [path for path in files if path.name.startswith("cal.")]
    try:
        stored = [read_constant(path) for path in constants if path.parent == constants[0].parent]
    except CalibrationError:
        return None
    if not stored:
        return None
    named = {} if kind is None else {one.name: name for name, one in kind.calibrations.items()}
    kinds = frozenset(str(one.attributes.get("kind", named.get(one.calibration, one.calibration))) for one in stored)
    found = set_of(stored[0])
    return _Held(kinds, found.path if found else _alone(constants))


def _alone(files: Sequence[Path]) -> Path | None:
    """Folder that has some files of constants and no other, else the file where it is one."""
    root = _root_of(files[0])
    if len(list(root.glob(f"{STORE}/*/*/cal.*.h5"))) <= len(files):
        return root
    return files[0] if len(files) == 1 else None


def _taken(family: Family, method: Method) -> Iterator[ConstantKind]:
    """Kinds of constants that a characterisation takes."""
    return (kind for one in method.inputs(family.kind) for kind in one.kinds)


def _root_of(path: Path) -> Path:
    """Folder of the tree of constants that a path is, or is in."""
    if path.is_dir():
        return path
    return next((parent.parent for parent in path.parents if parent.name == "xfel"), path.parent)


def _offer(family: Family, method: Method, sources: Sequence[tuple[frozenset[str], Path]]) -> Offer | None:
    """A characterisation with the sources that it takes; None where it does not take all of them."""
    given = _spread(family, method, sources)
    return Offer(family, method, given, _root_of(next(iter(given.values())))) if given else None


def _spread(
    family: Family, method: Method, sources: Sequence[tuple[frozenset[str], Path]]
) -> dict[str, Path]:
    """Source of each input; nothing where one has no input, or an input that is needed has no source."""
    waiting, given = list(sources), dict[str, Path]()
    for one in method.inputs(family.kind):
        wanted = {kind.name for kind in one.kinds}
        taken = next((source for source in waiting if wanted <= source[0]), None)
        if taken is not None:
            waiting.remove(taken)
            given[one.name] = taken[1]
        elif not one.optional:
            return {}
    return {} if waiting else given
