"""Words of the command line: taken as people type them, and refused where one thing is said twice."""

from __future__ import annotations

import argparse
import difflib
import itertools
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

from calib_core.cli import kept_help
from calib_core.errors import BadParameter
from calib_core.plain_text import shown
from calib_core.typed import is_number, parse_number, parse_whole, plain


def number(text: str) -> float:
    """Number of an argument, with a decimal point or comma."""
    return float(_read(text, parse_number))


def whole(text: str) -> int:
    """Whole number of an argument."""
    return int(_read(text, parse_whole))


def given(text: str) -> str:
    """A word that is not empty, as one from a variable of the shell that nobody has set is.

    Raises
    ------
    BadParameter
        It is empty.
    """
    if not text.strip():
        raise BadParameter("Nothing was given; give a value, or leave the flag out.")
    return text


def _read(text: str, read: Callable[[str], Any]) -> Any:
    try:
        return read(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def with_negative_numbers(words: Sequence[str]) -> list[str]:
    """Words in which numbers below zero are no flags, also with an exponent, a comma, or a pasted minus sign."""
    negative = [plain(word) if is_number(word) and plain(word).startswith("-") else "" for word in words]
    # argparse takes no word for a flag that begins with a blank
    return [f" {value}" if value else word for word, value in zip(words, negative, strict=True)]


class _Once(argparse._StoreAction):
    """Stores the value of a flag; refuses the flag where it is given twice, since one of both would be lost."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any,
        option_string: str | None = None,
    ) -> None:
        """Store a value."""
        given = namespace.__dict__.setdefault("given_flags", set())
        if option_string is not None and self.dest in given:
            parser.error(f"{option_string} is given twice; give it once")
        given.add(self.dest)
        super().__call__(parser, namespace, values, option_string)


class Help(argparse.HelpFormatter):
    """Help of the width that is kept."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=kept_help.width() - 2)


class RawHelp(Help, argparse.RawDescriptionHelpFormatter):
    """The same, with descriptions whose lines stay as they are."""


class Parser(argparse.ArgumentParser):
    """A parser whose flags are given once each; those of its sub-commands too.

    Parameters
    ----------
    fill : callable, optional
        Adds the arguments, when the command is the one that was typed: most of the program is not loaded otherwise.
    """

    def __init__(self, *args: Any, fill: Callable[[Parser], None] | None = None, **options: Any) -> None:
        super().__init__(*args, **{"formatter_class": Help, **options})
        self._fill = fill
        for name in (None, "store"):
            self.register("action", name, _Once)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse words; a command refuses what it does not know itself, and so in its own name."""
        self._filled()
        if self._subparsers is None:
            self._refuse_flags(sys.argv[1:] if args is None else args)
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"{unknown[0]!r} is one word too many")
        return found, unknown

    def helps(self, *words: str) -> Iterator[tuple[tuple[str, ...], Callable[[], str]]]:
        """Each help that this parser and those of its commands have.

        Parameters
        ----------
        *words : str
            That led here.

        Yields
        ------
        words : tuple of str
            That ask for it.
        make : callable
            Makes it.
        """
        self._filled()
        if self.add_help:
            yield (*words, "--help"), self.format_help
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):
                for name, one in action.choices.items():
                    yield from one.helps(*words, name)

    def _filled(self) -> None:
        fill, self._fill = self._fill, None
        if fill is not None:
            fill(self)

    def print_help(self, file: Any = None) -> None:
        """Print the help, and keep it for the next time."""
        text = self.format_help()
        kept_help.keep(text)
        self._print_message(text, file or sys.stdout)

    def error(self, message: str) -> NoReturn:
        """Refuse words with one sentence, and say where there are more."""
        stop = "" if message.endswith(("?", ".")) else "."
        self.exit(2, f"{self.prog}: {shown(message)}{stop}\n{self.prog} --help shows what it takes.\n")

    def _get_value(self, action: argparse.Action, arg_string: str) -> Any:
        """Value of a word; what refuses it is told with the flag that it was given for."""
        try:
            return super()._get_value(action, arg_string)
        except BadParameter as error:
            raise argparse.ArgumentError(action, str(error)) from error

    def _refuse_flags(self, words: Sequence[str]) -> None:
        """Refuse a flag that nobody knows, before what is lacking is asked for."""
        known = [flag for action in self._actions for flag in action.option_strings]
        for word in itertools.takewhile("--".__ne__, words):
            flag = word.partition("=")[0]
            if flag.startswith("--") and not any(one.startswith(flag) for one in known):
                self.error(f"there is no {flag}{_meant(flag, known)}")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            known = [str(choice) for choice in action.choices]
            told = _meant(str(value), known) or f"; there {'are' if len(known) > 1 else 'is'} {', '.join(known)}"
            raise argparse.ArgumentError(action, f"there is no {value!r}{told}")


def _meant(word: str, known: Sequence[str]) -> str:
    """Question for the end of a sentence, where something that is known is near."""
    near = difflib.get_close_matches(word, known, 1)
    return f"; did you mean {near[0]}?" if near else ""
