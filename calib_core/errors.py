"""The few named exceptions of the core; each carries one sentence that an operator can act on."""

from __future__ import annotations

from pathlib import Path

from calib_core.plain_text import shown


class CalibrationError(Exception):
    """Base of every error that is the input's or the environment's, not the program's; its sentence is one line."""

    def __init__(self, sentence: str) -> None:
        super().__init__(shown(sentence))


class BadInput(CalibrationError):
    """A file, folder or run that cannot be used; the message names it and says what to do."""


class StillWritten(BadInput):
    """A run that is being written or was changed since it was looked at; a later look may find it complete."""


class SeveralDetectors(BadInput):
    """A run that holds several fitting detectors; one of ``identifiers`` has to be named."""

    def __init__(self, sentence: str, identifiers: tuple[str, ...]) -> None:
        super().__init__(sentence)
        self.identifiers = identifiers


class NoMemory(CalibrationError):
    """The system gives no memory; nothing is wrong with what was being read."""

    def __init__(self) -> None:
        super().__init__("The memory of the machine is used up; take a smaller memory budget or fewer threads.")

    @staticmethod
    def is_cause(error: BaseException) -> bool:
        """Whether memory is what another error is about; HDF5 and threads have words alone for that.

        Parameters
        ----------
        error : BaseException
        """
        words = ("memory allocation failed", "can't start new thread")
        return isinstance(error, MemoryError) or any(one in str(error) for one in words)


class BadParameter(CalibrationError):
    """A parameter that does not exist or lies outside its range; the message has value and range."""


class OutputFailed(CalibrationError):
    """A result that could not be written; the message names the path and the reason."""


class AlreadyWritten(CalibrationError):
    """The same job has written its constants before; ``path`` is the manifest of their set."""

    def __init__(self, sentence: str, path: Path) -> None:
        super().__init__(sentence)
        self.path = path


class Cancelled(CalibrationError):
    """The operator cancelled the job."""


def and_others(number: int, one: str, several: str = "") -> str:
    """A sentence more on so many others of a kind, with a blank before it; empty where there is none.

    Parameters
    ----------
    number : int
    one, several : str
        What is true of one, such as "file cannot be used either", and of several; without the latter, of one with
        an s behind its first word.
    """
    noun, rest = one.split(" ", 1)
    return f" {number} other {one if number == 1 else several or f'{noun}s {rest}'}." if number > 0 else ""
