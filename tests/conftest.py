"""Fixtures for all tests; folders of runs go with the fixture or the test that made them."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # in a shell's background; who is started inherits it
    signal.signal(signal.SIGINT, signal.default_int_handler)


class Folders:
    """Folders that were made for a fixture or a test, to be removed with it where no test failed meanwhile."""

    #: Of the fixtures that are being set up and of the test that runs, the innermost last.
    open: list[Folders] = []  # noqa: RUF012

    def __init__(self, session: pytest.Session) -> None:
        self._session, self._failed = session, session.testsfailed
        self.made: list[Path] = []

    def __enter__(self) -> None:
        Folders.open.append(self)

    def __exit__(self, *exc: object) -> None:
        Folders.open.remove(self)

    def remove(self) -> None:
        if self._session.testsfailed == self._failed:
            for folder in self.made:
                shutil.rmtree(folder, ignore_errors=True)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Pages that tests write on request, and how much is tried."""
    parser.addoption("--whole", action="store_true", help="try all of what a sample stands for otherwise")
    parser.addoption("--biases", metavar="PAGE", help="write the page of what steps of corrections are off by")


@pytest.fixture(scope="session", autouse=True)
def disks() -> Generator[None, None, None]:
    """Disks that nobody waits for: a job of twelve constants would do so sixty times, as long as it works.

    Power does not fail in a test; in what order things go to the disk is tested in processes of their own.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: os.fstat(descriptor) and None)
        yield


@pytest.fixture(scope="session")
def whole(pytestconfig: pytest.Config) -> bool:
    """Whether all is tried of what a sample stands for otherwise."""
    return bool(pytestconfig.getoption("--whole"))


@pytest.fixture(scope="module")
def few_columns() -> Generator[None, None, None]:
    """Large cameras of few columns."""
    from tests.small_modules import few_columns

    with few_columns():
        yield


@pytest.fixture(scope="module")
def small_jungfrau() -> Generator[None, None, None]:
    """Modules of two of eight ASICs."""
    from tests.small_modules import small_modules

    with small_modules("JUNGFRAU", 256, 512):
        yield


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real detector data beside the project; the test is skipped where it is missing."""
    folder = Path(__file__).resolve().parents[1] / ".." / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"real detector data are not here: {folder} does not exist")
    return folder.resolve()


@pytest.fixture(scope="session")
def tmp_path_factory(tmp_path_factory: pytest.TempPathFactory) -> pytest.TempPathFactory:
    """Pytest's own, that remembers for whom it makes a folder: all runs of all tests together fill a disk."""
    make = tmp_path_factory.mktemp

    def mktemp(basename: str, numbered: bool = True) -> Path:
        folder = make(basename, numbered)
        Folders.open[-1].made.append(folder)
        return folder

    tmp_path_factory.mktemp = mktemp  # type: ignore[method-assign]
    return tmp_path_factory


class Owners:
    """Plugin that tells who makes folders; hooks of a conftest do not hear of fixtures of the session."""

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any, request: pytest.FixtureRequest) -> Generator[None, Any, Any]:
        """Collect what a fixture of several tests makes; its own tear-down comes first."""
        if fixturedef.scope == "function":
            return (yield)
        folders = Folders(request.session)
        fixturedef.addfinalizer(folders.remove)
        with folders:
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Collect what a test makes, and those fixtures that are its own."""
        folders = Folders(item.session)
        with folders:
            result = yield
        folders.remove()
        return result


#: Folders whose files take longest: they come first, since a run ends with the last of its files.
LONGEST = ("net", "systems", "campaigns", "app", "contract")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files that take minutes before those that take seconds."""
    root = Path(__file__).parent
    places = {folder: place for place, folder in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.relative_to(root).parts[0], len(places)))


def pytest_configure(config: pytest.Config) -> None:
    """Take the plugin in."""
    config.pluginmanager.register(Owners())
