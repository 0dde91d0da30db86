"""The command that writes simulated runs."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from functools import cache, partial

from calib_core.characterisation.family import families
from calib_core.cli.knob_flags import add_knob_arguments, changes_from
from calib_core.cli.progress import ProgressLine
from calib_core.cli.words import whole
from calib_core.detector import DetectorType
from calib_core.errors import BadParameter
from calib_core.jobs.truth_constants import folder_of, write_truth
from calib_core.simulate.run import Simulated, simulate
from calib_core.simulate.scene import Scene
from calib_core.simulate.scenes import scenes
from calib_core.simulate.scenes.dark import Dark
from calib_core.simulate.settings import default_settings, demo_settings
from calib_core.typed import parse_path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add a sub-command per detector family and type, with a flag per setting and the defaults of the type."""
    commands = parser.add_subparsers(dest="simulated", required=True, metavar="DETECTOR")
    for name, kind in _names().items():
        commands.add_parser(name, help=f"runs of {kind.title}", fill=partial(_fill, kind),
                            description=f"Write simulated runs of {kind.title} with known truth.")
    parser.set_defaults(act=_run)


def _fill(kind: DetectorType, parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=parse_path, required=True, metavar="FOLDER", help="Data root to write below")
    kinds = "; ".join(f"{word}: {scene.title}" for word, scene in scenes().items())
    parser.add_argument("--kind", choices=tuple(scenes()), default=Dark.word, help=f"{kinds} [default {Dark.word}]")
    parser.add_argument("--demo", action="store_true", help="Begin with the settings of the demonstration")
    parser.add_argument("--constants", action="store_true",
                        help="Write the truth as constants too, below usr/simulation/constants of the proposal")
    parser.add_argument("--threads", type=whole, default=2, metavar="N", help="Modules written at once [default 2]")
    add_knob_arguments(parser, default_settings(kind.name), leave_out=("detector_type",))
    for words, scene, others in _groups():
        add_knob_arguments(parser, scene(), leave_out=others, title=f"parameters of {words}")


def _groups() -> Iterator[tuple[str, type[Scene], list[str]]]:
    """Kinds whose parameters are told together, one of them, and its parameters that are told elsewhere."""
    kinds = dict.fromkeys(_kinds_of(knob.name) for scene in scenes().values() for knob in scene().knobs())
    for words in kinds:
        scene = scenes()[words[0]]
        yield " and ".join(words), scene, [one.name for one in scene().knobs() if _kinds_of(one.name) != words]


@cache
def _kinds_of(knob: str) -> tuple[str, ...]:
    """Kinds that have a parameter; several share those of what they have in common."""
    return tuple(word for word, scene in scenes().items() if any(one.name == knob for one in scene().knobs()))


def _run(namespace: argparse.Namespace) -> int:
    """Write the runs that the parsed arguments describe."""
    baseline = default_settings(_names()[namespace.simulated].name)
    if namespace.demo:
        baseline = demo_settings().get(baseline.detector_type, baseline)
    settings, scene = baseline.with_changes(changes_from(namespace, baseline)), _scene(namespace)
    line = ProgressLine()
    written = simulate(settings, namespace.out, threads=namespace.threads, scene=scene,
                       progress=lambda done: line.show(done, f"writing {100 * done:3.0f} %"))
    line.end()
    print(_report(written))
    if namespace.constants:
        print(f"constants: {folder_of(written)} ({len(write_truth(written))} files)")
    return 0


def _scene(namespace: argparse.Namespace) -> Scene:
    """The kind of runs with its parameters; those of other kinds are refused."""
    for other in scenes().values():
        for name in changes_from(namespace, other()):
            if namespace.kind not in (words := _kinds_of(name)):
                raise BadParameter(f"--{name.replace('_', '-')} is of --kind {' and '.join(words)}; leave it out, or "
                                   "ask for that kind.")
    chosen = scenes()[namespace.kind]()
    return chosen.with_changes(changes_from(namespace, chosen))


def _names() -> dict[str, DetectorType]:
    """Types that can be simulated by their own names, and the first one of each family by the family's."""
    types = {family.name: [kind for kind in family.types if kind.simulated] for family in families()}
    found = {kind.name: kind for kinds in types.values() for kind in kinds}
    return {**{name: kinds[0] for name, kinds in types.items() if kinds}, **found}


def _report(written: Simulated) -> str:
    lines = [f"{role}: {folder}" for role, folder in written.runs.items()]
    lines += [f"truth: {written.truth_file}", f"data root: {written.data_root} ({written.size / 1e6:.0f} MB)"]
    return "\n".join(lines)
