"""Records the digests of all cases with the program as it is: ``python tests/net/record.py``.

To be run before a change of shape, never to make a test pass: the digests are what the change is held against.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from net.cases import CASES, raw_runs  # noqa: E402  after the path
from net.digests import of_run  # noqa: E402  after the path
from net.running import RECORD, run, spec_of  # noqa: E402  after the path
from small_modules import small_modules  # noqa: E402  after the path


def main() -> None:
    """Run all cases one after the other and write the file of digests."""
    runs, found, made = {}, {}, {}
    with tempfile.TemporaryDirectory() as work:
        for number, case in enumerate(CASES):
            print(case.name, flush=True)
            with small_modules(case.kind, *case.shape):
                if case.data not in made:
                    made[case.data] = raw_runs(case, Path(work) / f"data{number}")
                    runs[case.data] = [of_run(path) for path in made[case.data].runs.values()]
                folder = Path(work) / f"case{number}"
                folder.mkdir()
                found[case.name] = run(spec_of(case, made[case.data], folder))
    text = json.dumps({"runs": runs, "cases": found}, indent=1, ensure_ascii=False, sort_keys=True)
    RECORD.write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
