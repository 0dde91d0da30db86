"""The child that opens foreign HDF5 files first: what they do to HDF5 is done to it alone.

Run as a script by :mod:`calib_core.io.foreign`, with the standard library and h5py alone. Each line that it is given
is a request (JSON: path, names, sources, seconds). Its answer is a line too: empty where the names could be read, or
raised an error as h5py raises them, which whoever reads them next will see; else why nobody should try.
"""

import json
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

#: Most memory for reading what files tell of themselves, bytes.
_MEMORY = 2 << 30
#: More strings, objects or levels than that have no purpose.
_MOST_STRINGS, _MOST_OBJECTS, _DEEPEST = 1 << 20, 200_000, 24
_SOURCES = ("METADATA/dataSources/dataSourceId", "METADATA/dataSourceId")


def main(folders: list[str]) -> None:
    """Answer requests until there are no more.

    Parameters
    ----------
    folders : list of str
        Where h5py and NumPy are.
    """
    sys.path += folders
    import h5py

    _limit()
    print(json.dumps(""), flush=True)
    for line in sys.stdin:
        print(json.dumps(_answer(h5py, **json.loads(line))), flush=True)


def _limit() -> None:
    with open("/proc/self/statm") as file:
        have = int(file.read().split()[0]) * resource.getpagesize()
    for what, most in ((resource.RLIMIT_AS, have + _MEMORY), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0)):
        hard = resource.getrlimit(what)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (most, most))


def _answer(h5py: Any, path: str, names: list[str], sources: bool, seconds: int) -> str:
    """Why nobody should read these names of a file.

    Those that end with a slash stand for all below, and the slash alone for all attributes too.
    """
    _allow(seconds)
    try:
        with _as_it_raises(), h5py.File(path, "r", locking=False) as file:
            for name in names:
                with _as_it_raises():
                    _taste(h5py, file, name)
            if sources:
                _taste_sources(file)
    except MemoryError:
        return f"it needs more than {_MEMORY >> 30} GiB to be opened"
    return ""


def _allow(seconds: int) -> None:
    """Processor time for one request; the system ends this process where it takes more."""
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    until = int(sum(os.times()[:2])) + 1 + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (until if hard == resource.RLIM_INFINITY else min(until, hard), hard))


@contextmanager
def _as_it_raises() -> Iterator[None]:
    """Let errors be: whoever reads the same meets them; only memory is short here before it is there."""
    try:
        yield
    except MemoryError:
        raise
    except Exception:
        return


def _taste(h5py: Any, file: Any, name: str) -> None:
    found = file.get(name.rstrip("/") or "/")
    if name.endswith("/"):
        for node in _below(h5py, found):
            if name == "/":
                _taste_attributes(node)
            _taste_values(h5py, node)
    else:
        _taste_values(h5py, found)


def _below(h5py: Any, top: Any) -> Iterator[Any]:
    """A group and all that hard links lead to from it, each once."""
    waiting, seen = [(top, 0)], set[Any]()
    while waiting and len(seen) < _MOST_OBJECTS:
        node, depth = waiting.pop()
        address = h5py.h5o.get_info(node.id).addr
        if address in seen:
            continue
        seen.add(address)
        yield node
        if isinstance(node, h5py.Group) and depth < _DEEPEST:
            for name in list(node):
                with _as_it_raises():
                    if isinstance(node.get(name, getlink=True), h5py.HardLink):
                        waiting.append((node[name], depth + 1))


def _taste_attributes(node: Any) -> None:
    for name in list(node.attrs):
        with _as_it_raises():
            node.attrs[name]


def _taste_values(h5py: Any, node: Any) -> None:
    """Walk through the table of chunks, and read text: it lies in heaps that nothing else goes through."""
    if not isinstance(node, h5py.Dataset):
        return
    with _as_it_raises():
        if node.chunks:
            node.id.get_num_chunks()
        if node.dtype.kind in "OSV" and node.size <= _MOST_STRINGS:
            node[()]


def _taste_sources(file: Any) -> None:
    """Find the sources that a raw file lists, as whoever opens it does."""
    for listed in _SOURCES:
        with _as_it_raises():
            for source in file[listed][:_MOST_STRINGS]:
                category, _, name = source.decode().partition("/")
                device, _, channel = name.partition(":")
                file.get(f"{category}/{device}:{channel.partition('/')[0]}", getlink=True)


if __name__ == "__main__":
    main(sys.argv[1:])
