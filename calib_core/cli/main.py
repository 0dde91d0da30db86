"""The command line: every characterisation of every family, job files, a look at a run, simulation, the window."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from functools import partial
from importlib import import_module

from calib_core import __version__
from calib_core.cli import printing
from calib_core.cli.words import Parser, with_negative_numbers
from calib_core.detectors import names
from calib_core.errors import CalibrationError
from calib_core.plain_text import PlainFormatter

#: Module of each command and what it does; a module adds its arguments and says what acts on them.
_COMMANDS = {
    "run": ("job_file", "run a job file"), "info": ("info", "show what runs or constants hold, and what is wrong"),
    "simulate": ("simulate", "write raw runs with known truth"),
    "demo": ("demo", "simulate runs and show their darks live"),
    "merge-histograms": ("merge_histograms", "add histograms of flat light of several jobs together"),
    "store": ("store", "keep constants, find them, and decide on them"),
    "report": ("report", "write a report on constants: verdict, maps and bad pixels in one file"),
    "watch": ("watch", "characterise darks of a folder by themselves, as soon as their runs are closed"),
    "mask": ("mask", "show expert masks, take those of others, take entries back"),
    "docs": ("pages", "write reference pages of all detectors"),
    "warmup": ("warmup", "compile all kernels now, and not in the first job, and make all help"),
}
_WINDOW = "window"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status (0 done, 1 failed, 2 refused, 130 cancelled)."""
    words = list(sys.argv[1:] if argv is None else argv)
    os.umask(os.umask(0o022) | 0o022)  # what is written is the owner's alone to write
    printing.show_any_character()
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(PlainFormatter())
    try:
        status = _act(words)
        sys.stdout.flush()
    except CalibrationError as error:
        print(f"calibwb: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("calibwb: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return printing.let_go()
    except OSError as error:
        return _explained(error)
    return status


def _explained(error: OSError) -> int:
    """Say in a sentence what of the system no input causes, and return the exit status; raises all else."""
    if printing.refuses():
        print(f"calibwb: Standard output cannot be written: {error.strerror}; what was to be told is lost.",
              file=sys.stderr)
        return printing.let_go()
    try:
        os.getcwd()
    except OSError:
        print("calibwb: The working folder is gone; go to another one.", file=sys.stderr)
        return 2
    raise error


def _act(words: list[str]) -> int:
    if words[:1] == [_WINDOW]:  # it has its own words, and its own help
        return int(import_module("calib_core.cli.window").open_window(words[1:]))
    words = _in_their_case(words)
    namespace = parser(words).parse_args(with_negative_numbers(words))
    return int(namespace.act(namespace))


def _in_their_case(words: list[str]) -> list[str]:
    """Families and methods are accepted in any case, parameters by the names of the original notebooks too."""
    if words[:1] and words[0].upper() in _families(words):
        return list(import_module("calib_core.cli.characterise").with_known_words(words))
    return words


def _families(words: Sequence[str]) -> tuple[str, ...]:
    """Names of families; all are loaded for a first word that no file has for its name."""
    known = names()
    word = words[0] if words else "-"
    if word.startswith("-") or word in _COMMANDS or word.upper() in known:
        return known
    loaded = import_module("calib_core.characterisation.family").families()
    return tuple(sorted({*known, *(family.name for family in loaded)}))


def parser(words: Sequence[str] = ()) -> Parser:
    """Parser of all commands; the arguments of a command are added when it is the one that was typed.

    Parameters
    ----------
    words : sequence of str
        What will be parsed: a first word that nobody knows may be a family that was declared under way.
    """
    made = Parser("calibwb", description="Characterise the X-ray detectors of European XFEL.")
    made.add_argument("--version", action="version", version=f"calibwb {__version__}")
    commands = made.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name in _families(words):
        commands.add_parser(name, help=f"characterise {name} detectors", fill=partial(_fill_family, name))
    for name, (module, told) in _COMMANDS.items():
        commands.add_parser(name, help=told, fill=partial(_fill, module))
    commands.add_parser(_WINDOW, help="open the workbench", add_help=False)
    return made


def _fill(module: str, one: Parser) -> None:
    import_module(f"calib_core.cli.{module}").add_arguments(one)


def _fill_family(name: str, one: Parser) -> None:
    import_module("calib_core.cli.characterise").add_family(one, name)


if __name__ == "__main__":
    sys.exit(main())
