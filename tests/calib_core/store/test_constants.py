"""Constant files: EXtra reads them bit for bit, they carry checksums, and damage is told."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

import h5py
import numpy as np
import pytest
from extra.calibration import MultiModuleConstant, SingleConstant
from extra.calibration.calcat import set_default_caldb_root

from calib_core.constants.condition import Condition, ConditionParameter, Found
from calib_core.constants.constant import BAD_PIXELS_DARK, INTERNAL_DIMS, NOISE, OFFSET, Constant, PackedChunks
from calib_core.errors import BadInput, BadParameter, OutputFailed
from calib_core.io.buffers import Buffers
from calib_core.store import chunks, seals
from calib_core.store.constant_image import prepare_constant
from calib_core.store.constants import list_constants, read_constant, write_constant

FILE_DIMS = ("fast_scan", "slow_scan", "cell", "gain")
CONDITION = Condition(
    (
        ConditionParameter("bias", "Sensor Bias Voltage", "V", 5.0),
        ConditionParameter("mode", "Gain mode", left_out_at=0.0),
    ),
    {"bias": Found(300.0, "SOURCE key"), "mode": Found(0.0, "default: adaptive")},
)
PROVENANCE = {
    "detector_type": "AGIPD-Type", "aggregator": "AGIPD03", "module": 3,
    "raw_data": ["/raw/r0001"], "software": {"calibwb": "0.1.0"}, "parameters": {"max_trains": 500},
    "operator_note": "µ ± σ",
}


def constant(values, count=None, kind=OFFSET, file_dims=FILE_DIMS, **changes):
    return replace(Constant(
        kind=kind, calibration=kind.name, pdu="AGIPD_SIV1_AGIPDV11_M305", dims=INTERNAL_DIMS, shape=values.shape,
        file_dims=file_dims, labels={"cell": (0, 2, 4, 6)},
        condition=CONDITION, begin=datetime(2026, 3, 1, 12, 30, tzinfo=UTC), provenance=PROVENANCE,
        read=lambda part: values[:, part],
        read_count=None if count is None else lambda part: count[:, part],
    ), **changes)


@pytest.fixture
def values():
    """(gain, cell, slow_scan, fast_scan) with no symmetry, and a NaN with payload."""
    made = np.random.default_rng(1).normal(5000, 100, (3, 4, 32, 20))
    made[1, 2, 3, 4] = np.nan
    return made


@pytest.fixture
def caldb(tmp_path):
    set_default_caldb_root(tmp_path)
    yield tmp_path
    set_default_caldb_root(None)


def for_extra(written, root, pdu="AGIPD_SIV1_AGIPDV11_M305", calibration="Offset"):
    return SingleConstant(written.path.relative_to(root), f"/{pdu}/{calibration}/0", 1, pdu)


def test_extra_reads_the_same_bits(caldb, values):
    single = for_extra(write_constant(constant(values), caldb), caldb)
    assert single.dimensions == FILE_DIMS
    read = single.ndarray()
    assert read.dtype == np.float64
    assert read.tobytes() == np.ascontiguousarray(values.transpose(3, 2, 1, 0)).tobytes()


def test_extra_labels_the_axes_of_several_modules(caldb, values):
    written = [write_constant(constant(values + n), caldb) for n in range(2)]
    names = ["AGIPD00", "AGIPD01"]
    details = [{"karabo_da": a, "module_number": n, "physical_name": a} for n, a in enumerate(names)]
    singles = {a: for_extra(w, caldb) for a, w in zip(names, written, strict=True)}
    array = MultiModuleConstant(singles, details, "DETECTOR", "Offset").xarray()
    assert array.dims == ("module", *FILE_DIMS)
    expected = np.stack([values, values + 1])
    ordered = array.transpose("module", "gain", "cell", "slow_scan", "fast_scan").values
    np.testing.assert_array_equal(ordered, expected)


def test_path_is_as_in_the_facility(tmp_path, values):
    relative = write_constant(constant(values), tmp_path).path.relative_to(tmp_path)
    assert str(relative.parent) == "xfel/cal/agipd-type/agipd_siv1_agipdv11_m305"
    assert re.fullmatch(r"cal\.\d{10}\.\d{7,9}\.h5", relative.name)


def test_threads_write_at_the_same_time(tmp_path, values):
    """While one constant is being put together, another thread writes a whole one."""

    def interrupted(part):
        with ThreadPoolExecutor(1) as pool:
            pool.submit(write_constant, constant(values + 1), tmp_path / "second").result()
        return values[:, part]

    written = write_constant(constant(values, read=interrupted), tmp_path / "first")
    np.testing.assert_array_equal(read_constant(written.path).values(), values)
    [other] = list_constants(tmp_path / "second")
    np.testing.assert_array_equal(other.values(), values + 1)


def test_checksum_and_size_are_the_file_s(tmp_path, values):
    written = write_constant(constant(values), tmp_path)
    content = written.path.read_bytes()
    assert written.sha256 == hashlib.sha256(content).hexdigest()
    assert written.bytes == len(content)


@pytest.mark.parametrize("changes", [
    {}, {"count": True}, {"count": True, "packed_count": PackedChunks()}, {"kind": replace(OFFSET, rows=5)}])
def test_made_on_the_disk_it_has_the_bytes_that_it_has_made_in_memory(tmp_path, monkeypatch, values, changes):
    monkeypatch.setattr(chunks, "LEAST_BYTES", 7_000)
    whole = np.arange(values.size, dtype=np.uint32).reshape(values.shape)
    one = constant(values, whole if changes.pop("count", False) else None, **changes)
    created = datetime(2026, 3, 2, tzinfo=UTC)
    for _ in range(9):  # HDF5 notes the second in which it makes a group
        second = int(time.time())
        made = [prepare_constant(one, tmp_path / "constant.h5", created, where) for where in (None, Buffers())]
        if int(time.time()) == second:
            break
    contents = [each.temporary.read_bytes() for each in made]
    assert contents[0] == contents[1]
    assert {each[1:] for each in made} == {(hashlib.sha256(contents[0]).hexdigest(), len(contents[0]))}


@pytest.mark.parametrize("call", ["posix_fallocate", "pwrite", "fsync"])
def test_a_disk_that_fills_up_under_it_is_one_sentence_and_leaves_nothing(tmp_path, monkeypatch, values, call):
    really, calls = getattr(os, call), iter(range(100))

    def full(*arguments):
        if next(calls) == (3 if call == "pwrite" else 0):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return really(*arguments)

    monkeypatch.setattr(os, call, full)
    with pytest.raises(OutputFailed, match=r"\.h5 could not be written: No space left on device; it needs [\d.]+ MB"):
        prepare_constant(constant(values), tmp_path / "constant.h5", datetime(2026, 3, 2, tzinfo=UTC), None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("buffers", [None, Buffers()])
def test_who_stops_it_finds_nothing(tmp_path, values, buffers):
    def stopped(*_):
        raise KeyboardInterrupt

    for one, show in ((constant(values, read=stopped), os.rename), (constant(values), stopped)):
        with pytest.raises(KeyboardInterrupt):
            write_constant(one, tmp_path, show, buffers)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("file_dims", [FILE_DIMS, ("cell", "gain", "fast_scan", "slow_scan")])
def test_any_order_of_axes_and_many_chunks(tmp_path, monkeypatch, values, file_dims):
    monkeypatch.setattr(chunks, "LEAST_BYTES", 7_000)
    written = write_constant(constant(values, file_dims=file_dims), tmp_path)
    with h5py.File(written.path) as file:
        data = file["AGIPD_SIV1_AGIPDV11_M305/Offset/0/data"]
        internal = ("gain", "cell", "slow_scan", "fast_scan")
        order = [internal.index(d) for d in file_dims]
        assert data.chunks != data.shape
        np.testing.assert_array_equal(data[()], values.transpose(order))
    np.testing.assert_array_equal(read_constant(written.path).values(), values)


def test_values_that_are_too_few_are_not_repeated(tmp_path, values):
    with pytest.raises(ValueError, match=r"values of data have the shape \(3, 1, 32, 20\)"):
        write_constant(constant(values, read=lambda part: values[:, :1]), tmp_path)
    assert list(tmp_path.rglob("*.h5")) == []


@pytest.mark.parametrize(("left_out", "file_dims"), [
    ({"gain"}, ("fast_scan", "slow_scan", "cell")), ({"cell"}, ("slow_scan", "fast_scan", "gain")),
    ({"gain", "cell"}, ("slow_scan", "fast_scan")), ({"slow_scan"}, ("fast_scan", "cell", "gain")),
])
def test_axes_of_length_one_may_be_left_out(tmp_path, values, left_out, file_dims):
    kept = values[tuple(np.s_[:1] if dim in left_out else np.s_[:] for dim in INTERNAL_DIMS)]
    written = write_constant(constant(kept, file_dims=file_dims), tmp_path)
    expected = np.einsum(kept, [0, 1, 2, 3], [INTERNAL_DIMS.index(dim) for dim in file_dims])
    with h5py.File(written.path) as file:
        stored = file["AGIPD_SIV1_AGIPDV11_M305/Offset/0/data"]
        assert tuple(stored.attrs["dims"]) == file_dims
        np.testing.assert_array_equal(stored, expected)
    np.testing.assert_array_equal(read_constant(written.path).values(), kept)


def test_axes_with_more_than_one_value_are_not_left_out(tmp_path, values):
    with pytest.raises(BadParameter, match="Axes"):
        write_constant(constant(values, file_dims=("slow_scan", "fast_scan", "gain")), tmp_path)
    assert not list(tmp_path.rglob("*.h5"))


def test_count_and_flags_keep_their_type(tmp_path, values):
    flags = np.arange(values.size, dtype=np.uint32).reshape(values.shape)
    count = flags % 500
    written = write_constant(constant(flags, count, kind=BAD_PIXELS_DARK), tmp_path)
    stored = read_constant(written.path, written.sha256)
    np.testing.assert_array_equal(stored.values(), flags, strict=True)
    np.testing.assert_array_equal(stored.count(), count, strict=True)


def test_no_count(tmp_path, values):
    assert read_constant(write_constant(constant(values), tmp_path).path).count() is None


def test_metadata_come_back(tmp_path, values):
    before = datetime.now(UTC)
    stored = read_constant(write_constant(constant(values, kind=NOISE), tmp_path).path)
    assert (stored.pdu, stored.calibration) == ("AGIPD_SIV1_AGIPDV11_M305", "Noise")
    assert (stored.shape, stored.dims, stored.dtype) == ((20, 32, 4, 3), FILE_DIMS, "<f8")
    assert stored.begin == datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
    assert before <= stored.created <= datetime.now(UTC)
    attributes = stored.attributes
    assert attributes["detector_type"] == "AGIPD-Type"
    assert (attributes["karabo_da"], attributes["module"]) == ("AGIPD03", 3)
    assert attributes["unit"] == "ADU"
    assert attributes["cells"] == [0, 2, 4, 6]
    assert attributes["provenance"] == PROVENANCE
    assert {k: PROVENANCE[k] for k in ("raw_data", "software", "parameters")}.items() <= attributes.items()
    assert attributes["conditions"] == {
        "Sensor Bias Voltage": {"value": 300.0, "unit": "V", "tolerance": 5.0, "origin": "SOURCE key"},
    }


def test_large_provenance(tmp_path, values):
    """HDF5's old limit of an attribute is 64 KiB."""
    provenance = {**PROVENANCE, "notes": ["x" * 1000] * 300}
    stored = read_constant(write_constant(constant(values, provenance=provenance), tmp_path).path)
    assert stored.attributes["provenance"] == provenance


def test_metadata_and_data_carry_checksums(tmp_path, values):
    count = np.ones(values.shape, np.uint32)
    written = write_constant(constant(values, count), tmp_path)
    assert written.path.read_bytes()[8] == 3, "superblock version 3: checksummed metadata"
    with h5py.File(written.path) as file:
        group = file["AGIPD_SIV1_AGIPDV11_M305/Offset/0"]
        for name in ("data", "count"):
            assert group[name].fletcher32
            plist = group[name].id.get_create_plist()
            codes = [plist.get_filter(i)[0] for i in range(plist.get_nfilters())]
            assert h5py.h5z.FILTER_FLETCHER32 in codes


def test_a_flipped_bit_is_told(tmp_path, values):
    written = write_constant(constant(values), tmp_path)
    content = bytearray(written.path.read_bytes())
    where = content.find(np.ascontiguousarray(values.transpose(3, 2, 1, 0)).tobytes()[:64])
    content[where + 5] ^= 1
    written.path.write_bytes(content)
    with pytest.raises(BadInput, match="checksum differs"):
        read_constant(written.path, written.sha256)
    with pytest.raises(BadInput, match=re.escape(str(written.path))):
        read_constant(written.path).values()


def test_no_text_but_the_names_of_the_axes_lies_without_a_checksum(tmp_path, values):
    """HDF5's heaps of texts and of large attributes have none."""
    whole = write_constant(constant(values, np.ones(values.shape, np.uint32)), tmp_path).path.read_bytes()
    assert whole.count(b"GCOL") == 1
    heap = whole[whole.index(b"GCOL"):][:4096]
    assert all(dim.encode() in heap for dim in FILE_DIMS)
    assert b"AGIPD" not in heap
    assert whole.count(b"FRHP") == 0


@pytest.mark.parametrize("text", ["2026-03-01", "Sensor Bias Voltage", "AGIPD03", "slow_scan", "/raw/r0001"])
def test_a_changed_text_is_told(tmp_path, values, text):
    path = write_constant(constant(values), tmp_path).path
    whole = path.read_bytes()
    for at in [i for i in range(len(whole)) if whole.startswith(text.encode(), i)]:
        path.write_bytes(whole[:at + 3] + bytes([whole[at + 3] ^ 1]) + whole[at + 4:])
        with pytest.raises(BadInput, match=re.escape(str(path))):
            read_constant(path)


@pytest.mark.parametrize("cut", [1, 30, 100])
def test_a_seal_that_was_cut_is_told(tmp_path, values, cut):
    path = write_constant(constant(values), tmp_path).path
    os.truncate(path, path.stat().st_size - cut)
    with pytest.raises(BadInput, match=r"checksum .*gone"):
        read_constant(path)


def test_the_seal_of_another_constant_does_not_fit(tmp_path, values):
    first, second = (write_constant(constant(values + n), tmp_path).path for n in range(2))
    mine, other = first.read_bytes(), second.read_bytes()
    first.write_bytes(mine[:mine.rindex(b'{"sha256"')] + other[other.rindex(b'{"sha256"'):])
    with pytest.raises(BadInput, match="SHA-256"):
        read_constant(first)


def test_values_that_fletcher_cannot_tell_apart_are_told_by_the_seal(tmp_path, values):
    """Fletcher-32 counts modulo 65535: a word of ones is to it as a word of zeros."""
    values[:, :, 10:] = 0
    path = write_constant(constant(values), tmp_path).path
    with h5py.File(path) as file:
        begin = file["AGIPD_SIV1_AGIPDV11_M305/Offset/0/data"].id.get_chunk_info(0).byte_offset
    whole = path.read_bytes()
    at = whole.index(bytes(64), begin) + 8
    at += (at - begin) % 2
    path.write_bytes(whole[:at] + b"\xff" * 2 + whole[at + 2:])
    with h5py.File(path) as file:
        read = file["AGIPD_SIV1_AGIPDV11_M305/Offset/0/data"][()]
    assert read.tobytes() != np.ascontiguousarray(values.transpose(3, 2, 1, 0)).tobytes()
    with pytest.raises(BadInput, match="SHA-256"):
        read_constant(path).values()


def test_a_change_after_the_metadata_were_read_is_told(tmp_path, values):
    path = write_constant(constant(values), tmp_path).path
    stored = read_constant(path)
    whole = path.read_bytes()
    at = whole.index(b"AGIPD03")
    path.write_bytes(whole[:at] + b"B" + whole[at + 1:])
    with pytest.raises(BadInput, match="SHA-256"):
        stored.values()


@pytest.mark.parametrize("content", [b"", b"text", b"\x89HDF\r\n\x1a\n" + bytes(200)])
def test_other_files_are_told(tmp_path, content):
    path = tmp_path / "other.h5"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=re.escape(str(path))):
        read_constant(path)


@pytest.mark.parametrize(("error", "told"), [
    (KeyError("Unable to open object 'data'"), "constant: Unable to open object 'data'."),
    (StopIteration(), "constant: its contents do not fit together."),
    (OSError(5, "Input/output error"), "constant: Input/output error."),
    (ValueError("It is no text."), ": It is no text."),
])
def test_each_reason_is_a_sentence(tmp_path, values, monkeypatch, error, told):
    def failing(*_):
        raise error

    written = write_constant(constant(values), tmp_path)
    monkeypatch.setattr("calib_core.store.constants.open_hdf5", failing)
    with pytest.raises(BadInput) as refused:
        read_constant(written.path)
    assert str(refused.value).endswith(told)


@pytest.mark.parametrize("length", [10, 1000, 20_000])
def test_files_that_were_cut_are_told(tmp_path, values, length):
    written = write_constant(constant(values), tmp_path)
    os.truncate(written.path, length)
    with pytest.raises(BadInput, match="cannot be read as a calibration constant"):
        read_constant(written.path)


def test_missing_files_folders_and_pipes_are_told(tmp_path):
    os.mkfifo(tmp_path / "pipe.h5")
    for path in (tmp_path / "missing.h5", tmp_path, tmp_path / "pipe.h5"):
        with pytest.raises(BadInput, match="there is no such file"):
            read_constant(path)


def test_hdf5_files_that_are_no_constants(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x/y/z"] = [1, 2]
    with h5py.File(tmp_path / "b.h5", "w"):
        pass
    for name in ("a.h5", "b.h5"):
        with pytest.raises(BadInput, match=name):
            read_constant(tmp_path / name)


def test_files_of_others_without_attributes(tmp_path):
    with h5py.File(tmp_path / "cal.h5", "w") as file:
        file["PDU/Offset/0/data"] = np.zeros((4, 5, 6, 3))
    stored = read_constant(tmp_path / "cal.h5")
    assert (stored.pdu, stored.calibration, stored.shape, stored.dims) == ("PDU", "Offset", (4, 5, 6, 3), ())
    assert stored.created is None
    with pytest.raises(BadInput, match="axes without names"):
        stored.values()


def test_constants_are_listed(tmp_path, values):
    assert list_constants(tmp_path) == ()
    written = [write_constant(constant(values), tmp_path) for _ in range(3)]
    assert [s.path for s in list_constants(tmp_path)] == sorted(w.path for w in written)


@pytest.mark.parametrize("changes", [
    {"pdu": "../../etc"}, {"pdu": ""}, {"pdu": ".hidden"}, {"calibration": "a/b"},
    {"provenance": {**PROVENANCE, "detector_type": "x\ny"}},
    {"provenance": {"detector_type": "T"}}, {"file_dims": ("cell", "gain", "x", "y")},
])
def test_constants_that_cannot_be_stored(tmp_path, values, changes):
    with pytest.raises(BadParameter):
        write_constant(constant(values, **changes), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_takes_nothing(tmp_path, values):
    (tmp_path / "xfel").touch()
    with pytest.raises(OutputFailed, match="could not be written"):
        write_constant(constant(values), tmp_path)


def test_working_memory_is_little_more_than_the_file_or_chunks_of_it_on_the_disk(tmp_path):
    """In a process of its own: the image and a chunk, or chunks alone."""
    script = textwrap.dedent(f"""
        import re, sys
        from pathlib import Path
        import numpy as np
        sys.path.insert(0, {os.path.dirname(__file__)!r})
        from test_constants import constant
        from calib_core.numerics.checksums import fletcher32
        from calib_core.io.buffers import Buffers
        from calib_core.store import constants
        def peak():
            return int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024
        class Values:
            shape = (3, 60, 512, 128)
            def __getitem__(self, key):
                return np.full((3, len(range(*key[1].indices(60))), 512, 128), 7.0)
        made = constant(Values())
        fletcher32(np.zeros(2, np.uint8))  # what numba takes is not counted
        before = peak()
        for buffers in (None, Buffers()):
            written = constants.write_constant(made, Path({str(tmp_path)!r}), buffers=buffers)
            print((peak() - before) / written.bytes)
    """)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    on_the_disk, in_memory = map(float, done.stdout.split())
    assert on_the_disk < 0.2
    assert 1.0 < in_memory < 1.5


def test_numbers_of_samples_are_read_and_compressed_once(tmp_path, values):
    count = np.random.default_rng(4).integers(0, 60, values.shape, np.uint32)
    first = constant(values, count)
    read = []

    def again(part):
        read.append(part)
        return count[:, part]

    second = replace(first, calibration="Noise", kind=NOISE, read_count=again)
    for one in (first, second):
        stored = read_constant(write_constant(one, tmp_path).path)
        np.testing.assert_array_equal(stored.count(), count)
    assert read == []
    other = replace(second, calibration="Other", packed_count=PackedChunks())
    np.testing.assert_array_equal(read_constant(write_constant(other, tmp_path).path).count(), count)
    assert read


def test_a_checksum_makes_sure_of_the_seal_on_the_way(tmp_path, values, monkeypatch):
    """A file is not read twice for both; one that was damaged is told all the same, when it is read."""
    path = write_constant(constant(values), tmp_path).path
    expected = hashlib.sha256(path.read_bytes()).hexdigest()
    assert seals.sha256_of(path) == expected
    with monkeypatch.context() as changed:
        changed.setattr(seals, "_is_sure", lambda _file, _size, whole: pytest.fail("read again") if whole else True)
        assert read_constant(path).values().shape == values.shape
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert seals.sha256_of(path) == hashlib.sha256(data).hexdigest()
    with pytest.raises(BadInput, match="checksum"):
        read_constant(path).values()
