"""Foreign text as it is shown: names of files and devices, values of files, and messages made of them."""

from __future__ import annotations

import logging
import unicodedata

#: In front of the further lines of a longer text, so that none of them looks like a line of its own.
FURTHER = "\n  | "


def shown(text: str) -> str:
    """Text of one line, in which whatever would act on a screen or a log is visible.

    Parameters
    ----------
    text : str
        Maybe with control characters, line ends, marks that turn the direction of writing, or the lone surrogates
        by which Python tells bytes of a file name that are no UTF-8.

    Returns
    -------
    str
        Those are written as ``\\x1b``, ``\\n``, ``\\u202e``; all else is as it was.
    """
    return text if text.isprintable() else "".join(map(_visible, text))


def block(text: str) -> str:
    """Longer text, such as a traceback: each line as :func:`shown` has it, all but the first indented."""
    return FURTHER.join(map(shown, text.rstrip("\n").split("\n")))


def _visible(character: str) -> str:
    if character.isprintable() or unicodedata.category(character) == "Zs":
        return character
    if "\udc80" <= character <= "\udcff":  # a byte that is no UTF-8
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()


class PlainFormatter(logging.Formatter):
    """Lines of a log of which no part can look like another line."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line, or as one with indented lines behind it."""
        return block(super().format(record))
