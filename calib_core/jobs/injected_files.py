"""Files that a job takes into a store, after all of them were looked at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from tempfile import TemporaryDirectory

from calib_core.characterisation.unit import Item
from calib_core.characterisation.whole_files import Inject
from calib_core.constants.expert_mask import author_here
from calib_core.errors import BadParameter
from calib_core.jobs.spec import JobSpec
from calib_core.jobs.whole_files import WITH_MAP, Check, Finished, Say, WholeFiles, conditions_in, written
from calib_core.store.constant_paths import constant_files
from calib_core.store.local.by_operator import ByOperator
from calib_core.store.local.index import is_index
from calib_core.store.local.injecting import Injected, inject
from calib_core.store.local.injection_table import (
    COLUMNS,
    REFUSED,
    UNSURE,
    Examined,
    Row,
    apart,
    as_cells,
    examine,
    numbers_of,
)
from calib_core.store.local.store import LocalStore
from calib_core.store.local.values import Maps
from calib_core.store.opening import usual_store
from calib_core.store.seals import sha256_of
from calib_core.store.table import Column, write_csv
from calib_core.typed import parse_path, parse_time

#: Table of an injection.
INJECTION = "injection.csv"


class Injection(WholeFiles):
    """Files that are looked at one by one, and then taken: all, or none.

    Parameters
    ----------
    spec : JobSpec
    method : Inject
    paths : sequence of Path
        Files, folders of them, manifests.

    Raises
    ------
    BadInput, BadParameter
        There are no files, or what was told of them is not allowed.
    """

    def __init__(self, spec: JobSpec, method: Inject, paths: Sequence[Path]) -> None:
        if spec.modules:
            raise BadParameter("All files that are given are injected; leave the modules out, and give the files of "
                               "those that are wanted.")
        self._spec, self._method = spec, method
        begin = spec.begin or (parse_time(method.valid_from, "valid_from") if method.valid_from else None)
        self._about = ByOperator({**conditions_in(method.condition, "condition"), **spec.conditions}, spec.detector,
                                 method.detector_type, begin, method.confirm_units)
        self._paths = tuple(file for path in paths for file in constant_files(path))
        self._folder = parse_path(method.store) if method.store else usual_store()
        self._found: list[Examined] = []
        self._by_digest: dict[str, Examined] = {}
        there = is_index(self._folder)
        self.lines = (f"{len(self._paths)} files for {self._folder}"
                      f"{'' if there else ', which is not there yet and will be made'}.",)

    @property
    def number(self) -> int:
        """Files."""
        return len(self._paths)

    @property
    def largest(self) -> int:
        """Bytes of the largest file, with its bad-pixel map where numbers are made of both."""
        largest = max((path.stat().st_size for path in self._paths if path.is_file()), default=0)
        return largest if self._method.look_only else int(WITH_MAP * largest)

    def items(self) -> Iterator[Item]:
        """Look at one after the other.

        Yields
        ------
        Item
        """
        with ExitStack() as stack:
            store = stack.enter_context(closing(self._store(stack)))
            maps = None if self._method.look_only else stack.enter_context(
                closing(Maps(self._paths, store.maps_near, sha256_of)))
            for path in self._paths:
                self._found.append(self._apart(examine(store, path, self._about, maps)))
                yield Item(self._found[-1].row)

    def _apart(self, one: Examined) -> Examined:
        """A file, refused where another one has the same bytes."""
        digest = (one.candidate.record.sha256 if one.candidate.record is not None else None) or ""
        before = self._by_digest.setdefault(digest, one) if digest else one
        return one if before is one else apart([before, one])[-1]

    def finish(self, say: Say, check: Check) -> Finished:
        """Tell of all files, and take them unless they were only to be looked at.

        Parameters
        ----------
        say, check : callable
        """
        for one in self._found:
            say("WARN" if one.state in (REFUSED, UNSURE) else "INFO", one.line)
        new = [one.candidate for one in self._found if one.candidate.record is not None]
        for note in dict.fromkeys(note for one in new for note in one.notes):
            say("WARN", note)
        say("INFO", numbers_of(self._found))
        if self._method.look_only:
            return Finished(status=int(any(one.state in (REFUSED, UNSURE) for one in self._found)))
        rows = self._take(say, check)
        path = self._spec.out_folder / INJECTION
        write_csv(path, [Column(name) for name, _ in COLUMNS], map(as_cells, rows),
                  f"Constants taken into {self._folder}.", overwrite=True)
        return Finished((written(path, "table"),), rows)

    def _take(self, say: Say, check: Check) -> list[Row]:
        """Rows of the files, with what they are in the store."""
        author = self._method.author or author_here()
        with closing(LocalStore(self._folder, create=True)) as store:
            made = inject(store, [one.candidate for one in self._found], author, self._method.comment,
                          lambda done, of: check())
            versions = {one.number: one for one in (*made.versions, *made.known)}
            rows = [self._row(one, store, made) for one in self._found]
        known = len(versions) - len(made.versions)
        say("INFO", f"{len(made.versions)} constant{'s' * (len(made.versions) != 1)} injected into {self._folder} as "
            f"drafts{f'; {known} {_were(known)} there already' if known else ''}.")
        return rows

    def _row(self, one: Examined, store: LocalStore, made: Injected) -> Row:
        """A row as it was, with the version that its file is by now in place of its state."""
        record = one.candidate.record
        version = None if record is None else store.of_file(record.sha256 or "") or store.made_of(record.sha256 or "")
        return one.row if version is None else (f"version {version.number}, {version.status}", *one.row[1:])

    def _store(self, stack: ExitStack) -> LocalStore:
        """The store, or an empty one where there is none yet, so that nothing is written."""
        if is_index(self._folder):
            return LocalStore(self._folder)
        return LocalStore(Path(stack.enter_context(TemporaryDirectory())), create=True)


def _were(number: int) -> str:
    return "was" if number == 1 else "were"
