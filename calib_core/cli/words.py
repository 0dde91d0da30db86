"""Words of the command line: taken as people type them, and refused where one thing is said twice."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any

from calib_core.typed import is_number, parse_number, parse_whole, plain


def number(text: str) -> float:
    """Number of an argument, with a decimal point or comma."""
    return float(_read(text, parse_number))


def whole(text: str) -> int:
    """Whole number of an argument."""
    return int(_read(text, parse_whole))


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


class Parser(argparse.ArgumentParser):
    """A parser whose flags are given once each; those of its sub-commands too."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for name in (None, "store"):
            self.register("action", name, _Once)
