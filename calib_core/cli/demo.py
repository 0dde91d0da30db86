"""The demo: simulated proposals, their darks live in the window, or headless with pictures of it."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from calib_core.cli.progress import ProgressLine
from calib_core.cli.window import open_window
from calib_core.errors import BadParameter
from calib_core.numerics.warmup import warm_up
from calib_core.simulate.run import simulate
from calib_core.simulate.settings import demo_settings
from calib_core.typed import parse_path

#: Families that are shown where none is named.
SHOWN_FIRST = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("detectors", nargs="*", metavar="DETECTOR",
                        help="detector types to show, or all (default: the first two); made on first use")
    parser.add_argument("--folder", type=parse_path, default=Path("demo"),
                        help="where the demo's data go (default: demo)")
    parser.add_argument("--headless", action="store_true", help="no window even where there is a display")
    parser.set_defaults(act=lambda n: run(n.detectors, n.folder, n.headless))


def names(wanted: Sequence[str]) -> tuple[str, ...]:
    """Detector types to show: those named, all of them for ``all``, or the first few.

    Raises
    ------
    BadParameter
        There is no demo of that name.
    """
    known = tuple(sorted(demo_settings(), key=lambda name: demo_settings()[name].proposal))
    if not wanted:
        return known[:SHOWN_FIRST]
    if [word.lower() for word in wanted] == ["all"]:
        return known
    for word in wanted:
        if word.upper() not in known:
            raise BadParameter(f"There is no demo of “{word}”; there are {', '.join(known)}, and all.")
    return tuple(word.upper() for word in wanted)


def run(wanted: Sequence[str], folder: Path, headless: bool) -> int:
    """Make the demo's runs where they are missing, then open the window on them.

    Without a display the same window is drawn off screen, and its pictures and the constants stay in ``folder``.
    """
    folder = folder.absolute()
    runs = [_prepared(folder, name) for name in names(wanted)]
    print("Preparing kernels …", flush=True)
    warm_up()
    words = ["--out-folder", str(folder / "constants"), "--data-root", str(folder / "data"), "--start"]
    words += [word for one in runs for word in ("--runs", one)]
    if headless or not _has_display():
        print("No display: the same jobs run headless; constants and pictures of the window go to", folder)
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
        words += ["--pictures", str(folder / "pictures")]
    return open_window(words)


def _has_display() -> bool:
    return sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _prepared(folder: Path, name: str) -> str:
    """Text of a demo's dark runs, such as ``p900450 r1-3``; simulated on first use."""
    settings, note = demo_settings()[name], folder / "data" / f"{name}.txt"
    if not note.exists():
        print(f"Simulating {name} ({settings.trains} trains) …", flush=True)
        line = ProgressLine()
        made = simulate(settings, folder / "data", progress=lambda done: line.show(done, f"  {done:4.0%}"))
        line.end()
        paths = [str(path) for path in made.runs.values()]
        note.write_text("\n".join(paths) + "\n", "utf-8")
    return shlex.join(note.read_text("utf-8").splitlines())  # as it is typed: folders may have blanks


