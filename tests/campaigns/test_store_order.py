"""What an injection brings to the disk and in which order, by the system's account, and what is left at each call."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT, HERE = Path(__file__).resolve().parents[2], str(Path(__file__).parent)
sys.path.insert(0, HERE)
from store_kills import BETWEEN, LocalStore, candidates_of, check, inject, put  # noqa: E402

SCRIPT = """
import os, sys
sys.path.insert(0, {here!r})
from pathlib import Path
from store_kills import candidates_of, inject, LocalStore
store = LocalStore(Path({store!r}))
looked = candidates_of(store, [Path({file!r})])
os.write(1, b"begin\\n")
inject(store, looked, "anna", "")
os.write(1, b"told\\n")
"""


class Injection:
    """One injection into a store that is there, by a program of its own under the eyes of strace."""

    def __init__(self, folder: Path) -> None:
        if shutil.which("strace") is None:
            pytest.skip("there is no strace")
        self.store, self.out = folder / "store", folder / "account"
        LocalStore(self.store, create=True).close()
        self.file = put(folder / "file", 1)

    def run(self, *options: str) -> int:
        script = SCRIPT.format(here=HERE, store=str(self.store), file=str(self.file))
        made = subprocess.run(["strace", "-f", "-y", "-s", "16", "-o", str(self.out), *options, sys.executable, "-c",
                               script], env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
                              check=False)
        if "Operation not permitted" in made.stderr:
            pytest.skip("this machine does not let programs be traced")
        return made.returncode


@pytest.fixture
def injection(tmp_path: Path) -> Injection:
    return Injection(tmp_path)


@pytest.fixture
def account(injection: Injection) -> list[str]:
    """System calls between the words begin and told."""
    assert injection.run("-e", "trace=fsync,fdatasync,rename,pwrite64,write") == 0
    lines = injection.out.read_text("utf-8").splitlines()
    begin, end = (next(i for i, line in enumerate(lines) if f'"{word}\\n"' in line) for word in ("begin", "told"))
    return lines[begin + 1:end]


def test_the_file_is_on_the_disk_before_its_row_and_the_row_before_it_is_told(account: list[str]) -> None:
    def first(pattern: str) -> int:
        return next(i for i, line in enumerate(account) if re.search(pattern, line))

    def last(pattern: str) -> int:
        return max(i for i, line in enumerate(account) if re.search(pattern, line))

    order = [first(r"fsync\(\d+<.*\.calibwb-tmp-"), first(r"rename\(.*\.calibwb-tmp-.*statistics\."),
             first(r"rename\(.*\.calibwb-tmp-.*/cal\."), last(r"fsync\(\d+<.*/gh2_x>\)"),
             first(r"pwrite64\(\d+<.*index\.sqlite-wal>"), last(r"pwrite64\(\d+<.*index\.sqlite-wal>"),
             last(r"fdatasync\(\d+<.*index\.sqlite-wal>")]
    assert order == sorted(order), "\n".join(account)
    assert len(set(order)) >= 5


@pytest.mark.parametrize("call", [
    "fsync:1", "rename:1", "fsync:2", "rename:2", "fsync:3", "fsync:4", "pwrite64:1", "pwrite64:2", "pwrite64:4",
    "fdatasync:1", "fdatasync:2"])
def test_a_program_that_ends_at_any_of_its_calls_leaves_a_whole_store(call: str, injection: Injection) -> None:
    """The next one takes what is left; whatever is a record by then is one."""
    name, number = call.split(":")
    assert injection.run("-e", f"trace={name}", "-e", f"inject={name}:signal=KILL:when={number}") == -signal.SIGKILL
    store = LocalStore(injection.store)
    there = store.every()
    assert len(there) <= 1
    assert [one.sentence for one in check(store, False, "anna") if not one.sentence.endswith(BETWEEN)] == []
    assert store.lines.lacking() == []  # no version is there without its numbers
    made = inject(store, candidates_of(store, [injection.file]), "ben", "")
    assert len(made.versions) + len(made.known) == 1
    assert [one.number for one in made.known] == [one.number for one in there]
    assert list(check(store, False, "anna")) == []
    store.close()
