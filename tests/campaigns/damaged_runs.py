"""Campaign of damaged runs: every try is refused, told or harmless; ``python tests/campaigns/damaged_runs.py``."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[0:1] = [str(ROOT), str(ROOT / "tests")]

from campaigns.catalogue import kinds  # noqa: E402  after the path
from campaigns.harness import Judged, Try, campaign, work  # noqa: E402  after the path
from campaigns.outcome import BAD, GOOD  # noqa: E402  after the path
from campaigns.raw import KINDS  # noqa: E402  after the path


def plan(tries: int, seed: int, families: Sequence[str], names: Sequence[str] = ()) -> list[Try]:
    """Tries that go through kinds and families in turn, so that none has more than its share."""
    chosen = [(name, family) for i, (name, one) in enumerate(kinds().items()) if not names or name in names
              for family in _turned(families, i) if not one.families or family in one.families]
    chosen.sort(key=lambda pair: _turned(families, list(kinds()).index(pair[0])).index(pair[1]))
    return [Try(*chosen[i % len(chosen)], seed + i // len(chosen)) for i in range(tries or len(chosen))]


def _turned(families: Sequence[str], by: int) -> list[str]:
    by %= len(families)
    return [*families[by:], *families[:by]]


def table(judged: Iterable[Judged]) -> str:
    """Kinds and their outcomes, as Markdown."""
    counted = Counter((one.kind, one.outcome) for one in judged)
    columns = [name for name in (*GOOD, *BAD) if any(outcome == name for _, outcome in counted)]
    lines = [["kind", *columns], ["-" * 4] * (len(columns) + 1)]
    for kind in dict.fromkeys(kind for kind, _ in counted):
        lines.append([kind, *[str(counted[kind, column] or "") for column in columns]])
    totals = [sum(number for (_, outcome), number in counted.items() if outcome == column) for column in columns]
    lines.append([f"**{sum(totals)} tries**", *map(str, totals)])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the campaign, or a worker of it; the exit status is 1 where an outcome is bad."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] == ["--worker"]:
        work(Path(words[1]), Path(words[2]))
        return 0
    options = _options(words)
    tries = plan(options.tries, options.seed, options.families.split(","), options.kinds)
    with tempfile.TemporaryDirectory(prefix="calibwb-campaign-") as made:
        folder = options.folder or Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        found = []
        for one in campaign(tries, folder.resolve(), options.time_limit):
            found.append(one)
            if one.outcome in BAD:
                print(f"{one.outcome}: {one.kind} | {one.family} | seed {one.seed}: {one.detail}", flush=True)
            elif sys.stderr.isatty():
                print(f"\r{len(found)} of {len(tries)}", end="", file=sys.stderr)
    print(table(found))
    return int(any(one.outcome in BAD for one in found))


def _options(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tries", type=int, default=0, help="number of tries; 0 takes each kind and family once")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--families", default=",".join(KINDS), help="families, with commas between")
    parser.add_argument("--kinds", action="append", default=[], help="only this kind; may be given again")
    parser.add_argument("--folder", type=Path, help="where whole runs are kept for the next time")
    parser.add_argument("--time-limit", type=float, default=120.0, help="seconds until a dark hangs")
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(main())
