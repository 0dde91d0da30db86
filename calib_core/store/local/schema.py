"""Tables of a store's index. Rows are written once: what refuses every change is in the index itself.

What was decided on versions is a history of its own. Its last word on each is kept in ``standing``, which the index
renews by itself; ``line`` has the numbers of each version, ``told`` what several of them tell alike, and ``stretch``
and ``piece`` the same numbers as lines over time read them. These can be made anew at any time; everything else is a
record.
"""

from __future__ import annotations

from collections.abc import Iterator

#: Says that a database is an index of ours.
APPLICATION = 0x43574953
#: Format of the tables. A program knows those up to its own.
FORMAT = 3

#: Columns of the records, by their tables; times are whole microseconds since 1970, UTC.
RECORDS = {
    "act": """
        what TEXT NOT NULL CHECK (what IN ('inject', 'accept', 'reject', 'withdraw', 'undo', 'install', 'adopt',
                                        'confirm', 'unconfirm')),
        author TEXT NOT NULL, comment TEXT NOT NULL, at INTEGER NOT NULL, undoes INTEGER REFERENCES act""",
    "detector_type": "name TEXT NOT NULL UNIQUE",
    "detector": "identifier TEXT NOT NULL UNIQUE",
    "pdu": "name TEXT NOT NULL UNIQUE, detector_type INTEGER NOT NULL REFERENCES detector_type",
    "mapping": """
        detector INTEGER NOT NULL REFERENCES detector, aggregator TEXT NOT NULL, pdu INTEGER REFERENCES pdu,
        module INTEGER, virtual_name TEXT NOT NULL, begin_at INTEGER NOT NULL, act INTEGER NOT NULL REFERENCES act""",
    "parameter": "name TEXT NOT NULL UNIQUE, unit TEXT NOT NULL, is_text INTEGER NOT NULL",
    "condition": "digest TEXT NOT NULL UNIQUE",
    "setting": """
        condition INTEGER NOT NULL REFERENCES condition, parameter INTEGER NOT NULL REFERENCES parameter,
        value REAL, text TEXT, lower REAL NOT NULL, upper REAL NOT NULL, others TEXT NOT NULL,
        absent INTEGER NOT NULL, UNIQUE (condition, parameter)""",
    "calibration": "name TEXT NOT NULL UNIQUE",
    "constant": """
        calibration INTEGER NOT NULL REFERENCES calibration,
        detector_type INTEGER NOT NULL REFERENCES detector_type,
        condition INTEGER NOT NULL REFERENCES condition, UNIQUE (calibration, detector_type, condition)""",
    "report": "path TEXT NOT NULL, sha256 TEXT NOT NULL, UNIQUE (path, sha256)",
    "version": """
        constant INTEGER NOT NULL REFERENCES constant, pdu INTEGER NOT NULL REFERENCES pdu,
        begin_at INTEGER NOT NULL, created_at INTEGER NOT NULL, path TEXT NOT NULL UNIQUE, dataset TEXT NOT NULL,
        sha256 TEXT UNIQUE, identity TEXT NOT NULL, bytes INTEGER, shape TEXT NOT NULL, dims TEXT NOT NULL,
        dtype TEXT NOT NULL, raw_data TEXT NOT NULL, job TEXT NOT NULL, provenance TEXT NOT NULL,
        report INTEGER REFERENCES report, act INTEGER NOT NULL REFERENCES act""",
    "decision": """
        version INTEGER NOT NULL REFERENCES version,
        status TEXT NOT NULL CHECK (status IN ('draft', 'accepted', 'rejected', 'superseded', 'withdrawn')),
        act INTEGER NOT NULL REFERENCES act""",
    "confirmation": "version INTEGER NOT NULL REFERENCES version, act INTEGER NOT NULL REFERENCES act",
}
#: The chain of checksums over all records, in the order in which they were written.
_CHAIN = "of_table TEXT NOT NULL, of_row INTEGER NOT NULL, sha256 TEXT NOT NULL, UNIQUE (of_table, of_row)"
_STANDING = """
    CREATE TABLE standing (
        version INTEGER PRIMARY KEY REFERENCES version, constant INTEGER NOT NULL, pdu INTEGER NOT NULL,
        begin_at INTEGER NOT NULL, status TEXT NOT NULL) STRICT"""
#: Numbers of versions in the order in which a line has them; blocks are a file beside that of the version.
_LINE = """
    CREATE TABLE line (
        pdu INTEGER NOT NULL, calibration INTEGER NOT NULL, begin_at INTEGER NOT NULL,
        version INTEGER NOT NULL UNIQUE REFERENCES version, told INTEGER REFERENCES told,
        map INTEGER REFERENCES version, blocks TEXT NOT NULL, sha256 TEXT NOT NULL, numbers BLOB NOT NULL,
        PRIMARY KEY (pdu, calibration, begin_at, version)) STRICT, WITHOUT ROWID"""
_TOLD = "CREATE TABLE told (id INTEGER PRIMARY KEY, said TEXT NOT NULL UNIQUE) STRICT"
#: Begin of the first stretch of a line, before all times.
ALWAYS = -(1 << 63)
#: A line in stretches of time, each until the next begins: which versions it has, and of each entry their numbers;
#: NULL where a row has changed since, so that rows are read until whoever writes packs them again.
_PACKED = (
    """
    CREATE TABLE stretch (
        pdu INTEGER NOT NULL, calibration INTEGER NOT NULL, since INTEGER NOT NULL, versions BLOB,
        PRIMARY KEY (pdu, calibration, since)) STRICT, WITHOUT ROWID""",
    """
    CREATE TABLE piece (
        pdu INTEGER NOT NULL, calibration INTEGER NOT NULL, entry INTEGER NOT NULL, since INTEGER NOT NULL,
        numbers BLOB NOT NULL, PRIMARY KEY (pdu, calibration, entry, since)) STRICT""",
    "CREATE INDEX unpacked ON stretch (pdu, calibration, since) WHERE versions IS NULL",
    *(f"CREATE TRIGGER unpacked_by_{verb.lower()} AFTER {verb} ON line BEGIN "
      + "".join(f"""
        INSERT INTO stretch (pdu, calibration, since) SELECT {row}.pdu, {row}.calibration, {ALWAYS} WHERE NOT EXISTS (
            SELECT 1 FROM stretch WHERE pdu = {row}.pdu AND calibration = {row}.calibration);
        UPDATE stretch SET versions = NULL WHERE pdu = {row}.pdu AND calibration = {row}.calibration AND since = (
            SELECT max(since) FROM stretch
            WHERE pdu = {row}.pdu AND calibration = {row}.calibration AND since <= {row}.begin_at);"""
                for row in rows) + " END"
      for verb, rows in (("INSERT", ("NEW",)), ("DELETE", ("OLD",)), ("UPDATE", ("OLD", "NEW")))),
)
_INDICES = (
    "CREATE UNIQUE INDEX one_accepted ON standing (pdu, constant, begin_at) WHERE status = 'accepted'",
    "CREATE INDEX by_time ON standing (pdu, constant, status, begin_at, version)",
    "CREATE INDEX decisions_on ON decision (version)",
    "CREATE INDEX acts_on_versions ON version (act)",
    "CREATE INDEX decisions_of ON decision (act)",
    "CREATE INDEX versions_of ON version (pdu, constant, begin_at)",
)
#: The last decision on a version is what it stands at.
_DECIDED = """
    CREATE TRIGGER decided AFTER INSERT ON decision BEGIN
        INSERT INTO standing (version, constant, pdu, begin_at, status)
            SELECT id, constant, pdu, begin_at, NEW.status FROM version WHERE id = NEW.version
            ON CONFLICT (version) DO UPDATE SET status = excluded.status;
    END"""


def statements() -> Iterator[str]:
    """Statements that make an empty index."""
    for name, columns in {**RECORDS, "chain": _CHAIN}.items():
        yield from _of_records(name, columns)
    yield _STANDING
    yield from (_TOLD, _LINE, *_PACKED)
    yield from _INDICES
    yield _DECIDED
    yield f"PRAGMA application_id = {APPLICATION}"
    yield f"PRAGMA user_version = {FORMAT}"


def _of_records(name: str, columns: str) -> Iterator[str]:
    """A table whose rows stay as they are."""
    yield f"CREATE TABLE {name} (id INTEGER PRIMARY KEY AUTOINCREMENT, {columns}) STRICT"
    for verb in ("UPDATE", "DELETE"):
        yield (f"CREATE TRIGGER no_{verb.lower()}_of_{name} BEFORE {verb} ON {name} BEGIN "
               f"SELECT RAISE (ABORT, 'records are never changed'); END")


def bring_up(found: int) -> Iterator[str]:
    """Statements that bring an index of an older format up, without a change of any record.

    SQLite changes no condition of a column: the table of acts is copied into one that has the new one.

    Parameters
    ----------
    found : int
        Its format.
    """
    if found < 2:
        columns = RECORDS["act"]
        yield f"CREATE TABLE new_act (id INTEGER PRIMARY KEY AUTOINCREMENT, {columns}) STRICT"
        yield "INSERT INTO new_act SELECT * FROM act ORDER BY id"
        yield "DROP TABLE act"
        yield "ALTER TABLE new_act RENAME TO act"
        yield from list(_of_records("act", columns))[1:]
        yield from _of_records("confirmation", RECORDS["confirmation"])
        yield from (_TOLD, _LINE, *_PACKED)
    else:
        yield from _in_time()
    yield f"PRAGMA user_version = {FORMAT}"


def _in_time() -> Iterator[str]:
    """Statements that bring the lines of an index of format 2 in the order of time, whatever their conditions are."""
    yield "ALTER TABLE line RENAME TO old_line"
    yield from (_LINE, *_PACKED)
    yield f"INSERT INTO line {_BY_KIND.format('old_line')}"
    yield "DROP TABLE old_line"


#: Lines of an index of format 2 as they are now.
_BY_KIND = ("SELECT l.pdu, c.calibration, l.begin_at, l.version, l.told, l.map, l.blocks, l.sha256, l.numbers "
            "FROM {} l JOIN constant c ON c.id = l.constant")


def stand_ins(found: int) -> Iterator[str]:
    """Statements that make what an older index lacks, for one connection: for one that cannot be written.

    It has no numbers where it kept none, and none of them are packed.

    Parameters
    ----------
    found : int
        Its format.
    """
    if found < 2:
        yield "CREATE TEMP TABLE told (id INTEGER PRIMARY KEY, said TEXT)"
        yield ("CREATE TEMP TABLE line (pdu INTEGER, calibration INTEGER, begin_at INTEGER, version INTEGER, "
               "told INTEGER, map INTEGER, blocks TEXT, sha256 TEXT, numbers BLOB)")
        yield "CREATE TEMP TABLE confirmation (id INTEGER PRIMARY KEY, version INTEGER, act INTEGER)"
    if found == 2:
        yield f"CREATE TEMP VIEW line AS {_BY_KIND.format('main.line')}"
    if found < FORMAT:
        yield "CREATE TEMP VIEW stretch AS SELECT DISTINCT pdu, calibration, 0 AS since, NULL AS versions FROM line"
        yield ("CREATE TEMP TABLE piece (pdu INTEGER, calibration INTEGER, entry INTEGER, since INTEGER, "
               "numbers BLOB)")
