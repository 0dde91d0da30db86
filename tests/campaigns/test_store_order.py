"""What an injection brings to the disk, in which order: the system's own account of one, and one whose calls fail."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
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


@pytest.fixture
def account(tmp_path: Path) -> list[str]:
    """System calls of one injection into a store that is there, between the words begin and told."""
    if shutil.which("strace") is None:
        pytest.skip("there is no strace")
    here, store = str(Path(__file__).parent), tmp_path / "store"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    make = ("from store_kills import LocalStore, put; from pathlib import Path; "
            f"LocalStore(Path({str(store)!r}), create=True).close(); print(put(Path({str(tmp_path / 'file')!r}), 1))")
    made = subprocess.run([sys.executable, "-c", f"import sys; sys.path.insert(0, {here!r}); {make}"],
                          env=environment, capture_output=True, text=True, check=True)
    script = SCRIPT.format(here=here, store=str(store), file=made.stdout.strip())
    out = tmp_path / "account"
    traced = subprocess.run(
        ["strace", "-f", "-y", "-s", "16", "-o", str(out), "-e", "trace=fsync,fdatasync,rename,pwrite64,write",
         sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    if "Operation not permitted" in traced.stderr:
        pytest.skip("this machine does not let programs be traced")
    assert traced.returncode == 0, traced.stderr
    lines = out.read_text("utf-8").splitlines()
    begin, end = (next(i for i, line in enumerate(lines) if f'"{word}\\n"' in line) for word in ("begin", "told"))
    return lines[begin + 1:end]


def test_the_file_is_on_the_disk_before_its_row_and_the_row_before_it_is_told(account: list[str]) -> None:
    def first(pattern: str) -> int:
        return next(i for i, line in enumerate(account) if re.search(pattern, line))

    def last(pattern: str) -> int:
        return max(i for i, line in enumerate(account) if re.search(pattern, line))

    order = [first(r"fsync\(\d+<.*\.calibwb-tmp-"), first(r"rename\(.*\.calibwb-tmp-.*cal\."),
             first(r"fsync\(\d+<.*/gh2_x>\)"), first(r"pwrite64\(\d+<.*index\.sqlite-wal>"),
             last(r"pwrite64\(\d+<.*index\.sqlite-wal>"), last(r"fdatasync\(\d+<.*index\.sqlite-wal>")]
    assert order == sorted(order), "\n".join(account)
    assert len(set(order)) >= 5
