"""Commands on a store of constants: its flags. What they do is done by :mod:`calib_core.cli.store_acts`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

from calib_core.cli.words import Parser
from calib_core.store.calcat.addresses import ADDRESS_VARIABLE
from calib_core.store.statuses import STATUSES, STORE_VARIABLE
from calib_core.typed import parse_number, parse_path

_VERSIONS = "versions by their numbers, such as 3,7-12, or files of constants, found by their checksums"

_UTC = "UTC without an offset such as +01:00"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add a command for each thing to be done with a store."""
    parser.description = ("Constants that are kept for good, with what was decided on them: files in the facility's "
                          "layout, and an index of them. Nothing is ever changed or deleted.")
    commands = parser.add_subparsers(title="what is done", metavar="ACTION", required=True)
    for name, (told, fill) in _ACTIONS.items():
        commands.add_parser(name, help=told, description=told, fill=partial(_fill, name, fill))


def _fill(name: str, fill: Callable[[Any], None], parser: Parser) -> None:
    parser.add_argument("--store", type=parse_path, metavar="FOLDER",
                        help=f"the store (default: what {STORE_VARIABLE} names, else your own)")
    parser.add_argument("--json", action="store_true", help="machine-readable")
    fill(parser)
    parser.set_defaults(act=partial(_act, name))


def _act(name: str, namespace: argparse.Namespace) -> int:
    """Load what a store needs, which help does not."""
    return int(getattr(import_module("calib_core.cli.store_acts"), name)(namespace))


def _find(parser: Any, take: str = "", calcat: str = "ask the facility's database too") -> None:
    parser.add_argument("--karabo-id", default="", metavar="DETECTOR", help="detector whose units are asked for")
    parser.add_argument("--pdu", action="append", default=[], metavar="NAME", help="physical detector unit; several")
    parser.add_argument("--calibration", action="append", default=[], metavar="NAME",
                        help="the database's name, such as Offset; several")
    parser.add_argument("--detector-type", default="", metavar="NAME", help="the database's name of a detector type")
    parser.add_argument("--condition", action="append", default=[], metavar="PARAMETER=VALUE",
                        help='of the operating condition, all of them or none, such as "Memory cells=352"')
    parser.add_argument("--at", metavar="TIME", help=f"time that the constants are wanted for; {_UTC} (default: now)")
    parser.add_argument("--take", choices=("prior", "closest", "around", "all"), default=take,
                        help="of each kind and unit the newest before the time, the closest to it, the two on each "
                             "side of it in each operating condition, or all (default: "
                             f"{take or 'prior where --at is given, else all'})")
    parser.add_argument("--snapshot", metavar="TIME", help=f"what was known and decided by then; {_UTC}")
    parser.add_argument("--status", choices=STATUSES, action="append", default=[],
                        help="versions of this status; several (default: accepted)")
    parser.add_argument("--drafts", action="store_true", help="drafts too")
    _calcat(parser, calcat)


def _calcat(parser: Any, told: str = "ask the facility's database too") -> None:
    parser.add_argument("--calcat", nargs="?", const="", metavar="ADDRESS",
                        help=f"{told} (default address: what {ADDRESS_VARIABLE} names, else "
                             "the one inside of the facility)")


def _login(parser: Any) -> None:
    parser.add_argument("address", metavar="ADDRESS", help="of the database, such as https://in.xfel.eu/calibration")
    parser.add_argument("--client-id", metavar="ID", help="of the client that the database's pages have made for you")
    parser.add_argument("--email", default="", metavar="NAME", help="whose it is")
    parser.add_argument("--forget", action="store_true", help="take the login out of the keyring")


def _show(parser: Any) -> None:
    parser.add_argument("versions", nargs="+", metavar="VERSION", help=_VERSIONS)


def _inject(parser: Any) -> None:
    parser.add_argument("given", nargs="+", type=parse_path, metavar="PATH",
                        help="folders of constants, manifests of sets, or files")
    parser.add_argument("--dry-run", action="store_true", help="tell what would be injected; nothing is written")
    parser.add_argument("--condition", action="append", default=[], metavar="PARAMETER=VALUE",
                        help='of the operating condition, where files do not tell it, such as "Source energy=8.04"')
    parser.add_argument("--karabo-id", default="", metavar="DETECTOR",
                        help="detector, where files tell a module alone")
    parser.add_argument("--detector-type", default="", metavar="NAME",
                        help="the database's name of the detector type, where neither files nor folders tell it")
    parser.add_argument("--begin", default="", metavar="TIME",
                        help=f"from when on those are valid that do not tell it; {_UTC}")
    parser.add_argument("--confirm-units", action="store_true",
                        help="take names that stand in for those of physical units, such as DETECTOR_AGGREGATOR")
    _who(parser)


def _check(parser: Any) -> None:
    parser.add_argument("--repair", action="store_true",
                        help="adopt files without a record as drafts or bring them into quarantine, bring back those "
                             "that were moved, and make anew what the index keeps beside its records")
    _author(parser)


def _statistics(parser: Any) -> None:
    parser.add_argument("versions", nargs="*", metavar="VERSION",
                        help=f"{_VERSIONS} (default: all that have none, and those whose bad-pixel map came later)")


def _decide(parser: Any) -> None:
    _show(parser)
    _who(parser)


def _confirm(parser: Any) -> None:
    parser.add_argument("version", metavar="VERSION", help="the first version that is changed, by its number or file")
    _who(parser)


def _install(parser: Any) -> None:
    parser.add_argument("place", metavar="DETECTOR/AGGREGATOR", help="place of the unit")
    parser.add_argument("unit", metavar="UNIT", help="physical detector unit; - where nothing is there any more")
    parser.add_argument("--detector-type", required=True, metavar="NAME", help="the database's name of its type")
    parser.add_argument("--from", dest="begin", required=True, metavar="TIME", help=f"when it was installed; {_UTC}")
    parser.add_argument("--module", type=int, metavar="N", help="number of the module")
    _who(parser)


def _why(parser: Any) -> None:
    parser.add_argument("run", nargs="+", metavar="RUN", help="folder of a run, or such as: p900450 r12")
    parser.add_argument("--kind", action="append", default=[], metavar="NAME",
                        help="kind of constant, such as Offset; several (default: all that a correction takes)")
    parser.add_argument("--karabo-id", default="", metavar="DETECTOR", help="detector, where the run has several")
    parser.add_argument("--modules", default="", metavar="N", help="modules, such as 0-3,7 (default: all)")
    parser.add_argument("--condition", action="append", default=[], metavar="PARAMETER=VALUE",
                        help="in place of what the run tells of its operating condition; several")
    parser.add_argument("--closest", action="store_true",
                        help="take the closest in time, be it later than the run, and not the newest before it")
    parser.add_argument("--drafts", action="store_true", help="take drafts too")
    _calcat(parser)


def _timeline(parser: Any) -> None:
    parser.add_argument("given", nargs="*", type=parse_path, metavar="PATH",
                        help="folders of constants, or files of statistics, in place of the store")
    parser.add_argument("--karabo-id", default="", metavar="DETECTOR", help="detector, where there are several")
    parser.add_argument("--calibration", default="", metavar="NAME",
                        help="the database's name, such as Offset, where there are several")
    parser.add_argument("--modules", default="", metavar="N", help="modules, such as 0-3,7 (default: all)")
    parser.add_argument("--quantity", choices=("median", "mean", "std", "bad"), default="median",
                        help="of the good pixels; bad is the logit of the share of bad ones (default: median)")
    parser.add_argument("--entry", default="", metavar="LABEL",
                        help="gain stage, or what else the constant has entries of (default: the first)")
    parser.add_argument("--condition", action="append", default=[], metavar="PARAMETER=VALUE",
                        help='of the operating condition, as far as it is to be told, such as "Memory cells=352" '
                             "(default: that of the newest version)")
    parser.add_argument("--region", default="", metavar="MODULE:ROW-ROW,COLUMN-COLUMN",
                        help="these pixels alone, the first and the last one in it, such as 3:0-63,64-127; they are "
                             "read of each file")
    parser.add_argument("--cell", default="0", metavar="LABEL", help="memory cell of the region (default: 0)")
    parser.add_argument("--status", choices=STATUSES, action="append", default=[],
                        help="versions of this status; several (default: accepted)")
    parser.add_argument("--drafts", action="store_true", help="drafts too")
    parser.add_argument("--csv", type=parse_path, metavar="FILE", help="write them as a table too")
    parser.add_argument("--overwrite", action="store_true", help="replace that file")


def _serve(parser: Any) -> None:
    parser.add_argument("--port", type=int, default=0, metavar="N", help="port (default: one that is free)")
    parser.add_argument("--drafts", action="store_true", help="let drafts be seen too, to try them before they count")


def _export(parser: Any) -> None:
    _find(parser, "prior", "copy from the facility's database, and not from the store")
    parser.add_argument("--out-folder", type=parse_path, required=True, metavar="FOLDER", help="where copies go")
    parser.add_argument("--layout", choices=("modules", "facility"), default="modules",
                        help="a file of each constant with /MODULE/CALIBRATION (default), or files as they are in "
                             "the facility's tree")
    parser.add_argument("--fallback", action="append", default=[], metavar="PARAMETER=VALUE",
                        help="of another operating condition, whose constant is taken where there is none of the "
                             "exact one, or where it is much closer in time; several")
    parser.add_argument("--fallback-days", type=_number, metavar="N",
                        help="how many days closer that is (default: 7)")


def _number(text: str) -> float:
    try:
        return parse_number(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _author(parser: Any) -> None:
    parser.add_argument("--author", default="", metavar="NAME", help="who (default: your login)")


def _who(parser: Any) -> None:
    _author(parser)
    parser.add_argument("--comment", default="", metavar="TEXT", help="why")


_ACTIONS: dict[str, tuple[str, Callable[[Any], None]]] = {
    "find": ("find versions by kind, unit, operating condition and time", _find),
    "show": ("show all that is known of versions, and what was decided on them", _show),
    "inject": ("take constants as drafts", _inject),
    "accept": ("accept drafts; what was accepted of the same kind, unit, condition and begin is superseded", _decide),
    "reject": ("reject drafts", _decide),
    "withdraw": ("withdraw accepted versions", _decide),
    "undo": ("take back the last decision", _who),
    "confirm": ("confirm a change over time: a new reference of its unit and constant begins at a version", _confirm),
    "unconfirm": ("take the last confirmation of a change back", _who),
    "install": ("note which unit is at a place of a detector", _install),
    "why": ("tell which versions a run resolves to, what was compared, and what just missed by which parameter",
            _why),
    "login": ("keep a login to the facility's database in the system's keyring; its secret is asked for, and is in "
              "no file", _login),
    "export": ("copy versions into files, with a table of their ages and of what is missing; 3 where some are "
               "missing", _export),
    "statistics": ("make statistics anew that timelines are drawn of, version by version", _statistics),
    "timeline": ("tell numbers of versions over time, of modules or of a region, and what has changed", _timeline),
    "serve": ("answer as the facility's database does, on this machine alone, until Ctrl-C; nothing is changed",
              _serve),
    "check": ("find records and files that are damaged, changed, gone or of no record", _check),
}
