"""What may be decided on constants of a store, as words; loaded where nothing of a store is."""

from __future__ import annotations

from enum import StrEnum

#: Stands in place of a folder for the operator's own store.
STORE_WORD = "store"
#: Stands in place of a folder for the facility's database.
CALCAT_WORD = "calcat"
#: Names the operator's own store, if it is not in the usual place.
STORE_VARIABLE = "CALIBWB_STORE"
#: What the switch for drafts does wherever a job takes constants.
DRAFTS_HELP = "of a store take drafts of constants too, and not only what was accepted"


class Status(StrEnum):
    """What was decided on a version; all of it is kept."""

    DRAFT = "draft"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    SUPERSEDED = "superseded"
    WITHDRAWN = "withdrawn"


STATUSES = tuple(map(str, Status))
#: What nobody has to ask for.
ACCEPTED = frozenset({Status.ACCEPTED})
