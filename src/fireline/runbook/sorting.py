"""Columns being sorted into roles: what is taken, what is left, what to say about each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

from fireline.errors import InputError
from fireline.runbook.looks import Look, is_epoch
from fireline.runbook.names import NAMES
from fireline.runbook.schema import Columns
from fireline.runbook.spoken import CURRENCIES, LATENCY_NAMES, TIME_WORDS, UNITS

SAID = "as you said"
Notes = dict[str, str]


def _any(look: Look) -> bool:
    return look.kind != "nested"


FITS: dict[str, Callable[[Look], bool]] = {
    "time": lambda look: look.kind == "time" or is_epoch(look),
    "label_time": lambda look: look.kind in ("time", "empty") or is_epoch(look),
    "arrived": lambda look: look.kind == "time" or is_epoch(look),
    "request_id": lambda look: look.kind in ("text", "integer") and look.distinct > 0.3 * look.known,
    "version": lambda look: look.kind in ("text", "integer", "number") and look.distinct <= 200,
    "service": lambda look: look.kind == "text" and look.distinct <= 200,
    "shadow": lambda look: look.is_truth,
    "weight": lambda look: look.numeric and look.low > 0,
    "score": lambda look: look.numeric and (look.is_share or len(look.name) > 1),
    "label": lambda look: look.kind not in ("nested", "time") and (look.distinct <= 2 or len(look.name) > 1),
    "latency_ms": lambda look: look.numeric and look.low >= 0,
    "status": lambda look: look.kind in ("text", "integer") and look.distinct <= 100,
    "outcome": lambda look: look.numeric or look.is_truth,
    "arm": lambda look: look.kind == "text" and 2 <= look.distinct <= 20,
    "query": lambda look: look.kind in ("text", "integer"),
    "item": lambda look: look.kind in ("text", "integer"),
    "rank": lambda look: look.kind == "integer",
    "host": lambda look: look.kind == "text",
    "source": lambda look: look.kind == "text",
    "rung": lambda look: look.kind == "text" and look.distinct <= 20,
    "tools": lambda look: look.kind in ("text", "nested"),
    "moderation": lambda look: look.kind == "nested" or (look.kind == "text" and look.length > 40),
}


@dataclass
class Sorting:
    """Columns by name as they look, the roles given so far (role -> column), and a note for each column."""

    looks: Mapping[str, Look]
    taken: dict[str, str] = field(default_factory=dict)
    notes: Notes = field(default_factory=dict)
    unit: str = "ms"

    def left(self) -> list[Look]:
        """Columns that no role claimed."""
        used = set(self.taken.values())
        return [look for look in self.looks.values() if look.name not in used]

    def take(self, role: str, look: Look, note: str = "") -> None:
        """Give ``role`` to a column, with the reason."""
        self.taken[role] = look.name
        if note:
            self.notes[look.name] = note

    def give_back(self, role: str, note: str = "") -> None:
        """Take a role away again, unless a person gave it."""
        column = self.taken.get(role)
        if column is None or self.notes.get(column) == SAID:
            return
        del self.taken[role]
        self.notes.pop(column, None)
        if note:
            self.notes[column] = note


def say(sorting: Sorting, roles: Mapping[str, str]) -> None:
    """Give the roles that a person said. Raises InputError for a role or column that there is not."""
    known = [name for name, one in Columns.model_fields.items() if one.annotation in (str, str | None)]
    for role, column in roles.items():
        if role not in known:
            near = get_close_matches(role, known, 1, 0.5)
            todo = f"did you mean {near[0]}? " if near else ""
            raise InputError(f"there is no role {role}", todo=f"{todo}The roles are {', '.join(known)}")
        if column not in sorting.looks:
            has = ", ".join(sorting.looks)
            raise InputError(f"the log has no column {column} for the role {role}", todo=f"it has {has}")
        sorting.take(role, sorting.looks[column], SAID)
    if "latency_ms" in roles:
        sorting.unit = _unit_of(sorting.looks[roles["latency_ms"]])


def by_name(sorting: Sorting) -> None:
    """Give each role to the column with the best name for it; the last part of a dotted name counts too."""
    for role, names in NAMES.items():
        if role in sorting.taken:
            continue
        fits = FITS.get(role, _any)
        found = _named(sorting.left(), names, fits, role)
        if found is not None:
            sorting.take(role, found, because_named(found))
            if role == "latency_ms":
                sorting.unit = _unit_of(found)
        elif role == "score":
            _guess_score(sorting)
        elif role == "latency_ms":
            _latency_in_another_unit(sorting)


def because_named(look: Look) -> str:
    """Why a column got a role that its name says."""
    looks = f"; {look.describe()}" if look.kind != "time" else ""
    return f"because of its name{looks}"


def _named(looks: list[Look], names: tuple[str, ...], fits: Callable[[Look], bool], role: str) -> Look | None:
    by_plain = {look.plain: look for look in reversed(looks)}
    endings = MEASURES.get(role)
    if (
        endings is not None
    ):  # event_time_ms, label_ts_utc, revenue_eur: what the numbers count says their size
        shorter = {_without(endings, look): look for look in reversed(looks) if look.words}
        by_plain = {**shorter, **by_plain}
    found = next((by_plain[n] for n in names if n in by_plain and fits(by_plain[n])), None)
    if found is not None:
        return found
    leaves = {_leaf(look): look for look in reversed(looks) if "." in look.name}
    return next((leaves[n] for n in names if n in leaves and fits(leaves[n]) and len(n) > 2), None)


def _leaf(look: Look) -> str:
    """The last part of a dotted name, in snake case."""
    return Look(look.name.rsplit(".", 1)[-1], look.kind, 0, 0, 0).plain


TOO_SHORT, TOO_SOON = 0.1, 20.0
_SINCE_1970 = frozenset((*UNITS, "utc", "epoch", "unix"))
MEASURES = {
    **dict.fromkeys(("time", "arrived", "label_time"), _SINCE_1970),
    "outcome": CURRENCIES,
}
"""Role -> the words that may end its name and say what its numbers count."""


def _without(endings: frozenset[str], look: Look) -> str:
    words = look.words
    while len(words) > 1 and words[-1] in endings:
        words = words[:-1]
    return "_".join(words)


def _unit_of(look: Look) -> str:
    """The unit its name ends in; without one seconds where no answer took a third of a minute and some less
    than a tenth of a millisecond, if they were milliseconds."""
    if look.words and look.words[-1] in UNITS:
        return UNITS[look.words[-1]]
    return "s" if look.kind == "number" and 0 <= look.low < TOO_SHORT and look.high < TOO_SOON else "ms"


BEGINS = frozenset(("p", "prob", "proba", "probability", "score"))


def says_its_unit(name: str) -> bool:
    """Whether a name ends in a unit of time: `took_seconds`, and not `latency`."""
    return any(word in UNITS for word in Look(name, "number", 0, 0, 0).words[-1:])


def _guess_score(sorting: Sorting) -> None:
    ends = ("score", "probability", "proba", "prob", "wahrscheinlichkeit", "probabilite")
    shares = [look for look in sorting.left() if look.words and look.is_share and not look.is_truth]
    found = [look for look in shares if look.words[-1] in ends]
    if len(found) == 1:
        sorting.take("score", found[0], "a guess: the only share whose name ends like a score")
        return
    begun = [one for one in shares if one.words[0] in BEGINS and one.distinct > 2 and len(one.words) > 1]
    begun = [one for one in begun if not one.words[-1].isdigit() and "value" not in one.words]
    if not found and len(begun) == 1:
        sorting.take("score", begun[0], f"a guess: the only share whose name begins like a score; "
                     f"{begun[0].describe()}")  # fmt: skip


def _latency_in_another_unit(sorting: Sorting) -> None:
    for look in sorting.left():
        words = look.words
        if len(words) < 2 or words[-1] not in UNITS or not FITS["latency_ms"](look):
            continue
        base = "_".join(words[:-1])
        if base in LATENCY_NAMES or "latency" in words:
            unit = UNITS[words[-1]]
            sorting.take("latency_ms", look, f"because its name says a length of time in {unit}")
            sorting.unit = unit
            return


def find_time_column(sorting: Sorting) -> None:
    """Give the role of the time by kind where no name says it. Raises InputError when nothing looks like
    one."""
    if "time" in sorting.taken:
        return
    times = [look for look in sorting.left() if is_time(look)]
    if not times:
        raise _no_time(sorting)
    found = max(times, key=lambda look: look.distinct)
    how = "a guess: the column of times with the most different values"
    if found.kind != "time":
        how = "a guess: its numbers count from 1970, and its name speaks of a time"
    sorting.take("time", found, how)


def is_time(look: Look) -> bool:
    """Whether a column holds times: as such, or as numbers since 1970 under a name that speaks of one."""
    return look.kind == "time" or (is_epoch(look) and bool(TIME_WORDS.intersection(look.words)))


def _no_time(sorting: Sorting) -> InputError:
    """No column of times: the one that is called so and cannot be read as one, or all there are."""
    named = [
        look
        for look in sorting.left()
        if look.kind == "text" and _without(_SINCE_1970, look) in NAMES["time"]
    ]
    if named:
        return InputError(
            f"`{named[0].name}` is called a time, and many of its values cannot be read as one",
            todo="write them as 2026-03-01T06:00:00Z or in seconds since 1970; or say "
            f"--column time={named[0].name!r}: those that cannot be read are put aside",
        )
    has = ", ".join(f"{look.name} ({look.kind})" for look in sorting.looks.values())
    return InputError(
        "no column of the log looks like a time",
        todo=f"say which one it is with --column time=NAME; the log has {has}",
    )
