"""A log file of a job: its messages with their times, and its closing table."""

from __future__ import annotations

import os
import stat
import sys
from datetime import UTC, datetime
from pathlib import Path

from calib_core.errors import OutputFailed
from calib_core.jobs.board import Message

#: Only the owner may write, whatever the umask is.
_MODE = 0o644


class LogFile:
    """Lines that are added to the end of a file, each on the disk's way at once.

    Parameters
    ----------
    path : Path
        A new file, or one that grows.

    Raises
    ------
    OutputFailed
        It cannot be opened, or is no regular file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            # a pipe that nobody reads would block
            self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC, _MODE)
        except (OSError, ValueError) as error:
            raise OutputFailed(f"Log file {path} cannot be written: "
                               f"{getattr(error, 'strerror', None) or error}.") from error
        if not stat.S_ISREG(os.fstat(self._file).st_mode):
            os.close(self._file)
            raise OutputFailed(f"Log file {path} is no regular file; give another name.")

    def message(self, one: Message) -> None:
        """Add a message of a job."""
        self.lines(one.level, one.text, one.time)

    def lines(self, level: str, text: str, time: float | None = None) -> None:
        """Add text with its time; further lines of it are indented, so that they look like no message."""
        when = datetime.now(UTC) if time is None else datetime.fromtimestamp(time, UTC)
        stamp = f"{when.isoformat(timespec='milliseconds')} {level:5} "
        self._write(stamp + text.replace("\n", "\n" + " " * len(stamp)) + "\n")

    def close(self) -> None:
        """Close the file."""
        if self._file >= 0:
            os.close(self._file)
        self._file = -1

    def _write(self, text: str) -> None:
        data = text.encode("utf-8", "backslashreplace")
        try:
            while data and self._file >= 0:
                data = data[os.write(self._file, data):]
        except OSError as error:  # the job is worth more than its log
            self.close()
            print(f"WARN  Log file {self._path} is not written any more: {error.strerror}.", file=sys.stderr)
