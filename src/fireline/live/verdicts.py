"""What the server tells of a service's arrivals, judged: what lacks, what is wrong, what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Any

from fireline.clock import parse_time
from fireline.live.checkup import Verdict, hint, ok, problem
from fireline.terms.words import length, listing, share

QUIET = timedelta(minutes=15)
BEHIND = timedelta(minutes=5)
LATE = 0.05
EMPTY = 0.5
MANY_BYTES = 64 << 20
SHOWN = 3


def verdicts(told: Mapping[str, Any], guarded: bool) -> Iterator[Verdict]:
    """Verdicts on what ``GET /v1/services/NAME/arrivals`` answered. ``guarded`` says whether guards are
    meant to listen."""
    if told.get("collecting"):
        yield from _collecting(told)
        return
    yield from _arriving(told)
    yield from _sources(told)
    yield from _aside(told)
    yield from _columns(told)
    yield from _guards(told, guarded)
    yield from _labels(told)
    yield from _judging(told)


def _collecting(told: Mapping[str, Any]) -> Iterator[Verdict]:
    rows = told["rows"]
    if not rows["events"]:
        yield problem("events", "none came yet", "start the guard with FIRELINE_URL, or use fireline send")
        return
    yield ok("events", f"{rows['events']:,} events and {rows['labels']:,} labels are in {told['folder']}")


def _counted(told: Mapping[str, Any], now: datetime) -> Verdict:
    """How a service stands of which only counts come."""
    through, within = _time(told["counts"]["through"]), timedelta(seconds=told["counts"]["within_seconds"])
    todo = f"fireline tally ... --ripe, then fireline send --counts FILE --service {told['service']}"
    if through is None:
        return problem("counts", "none ever came", todo)
    if now - through > within:
        return problem("counts", f"they end {_ago(now, through)}, and {length(within)} are allowed",
                       f"did the schedule stop that makes them? {todo}")  # fmt: skip
    return ok("counts", f"they end {_ago(now, through)}")


def _arriving(told: Mapping[str, Any]) -> Iterator[Verdict]:
    now, waiting = parse_time(told["now"]), int(told["waiting_bytes"])
    came, last = _time(told["events"]["came_at"]), _time(told["events"]["last"])
    if told["refused"]["bodies"]:
        at = parse_time(told["refused"]["at"])
        yield problem("refused", f"{told['refused']['bodies']} whole bodies were refused, the last "
                      f"{_ago(now, at)}: {told['refused']['why']}", "correct what sends them")  # fmt: skip
    if waiting > MANY_BYTES:
        yield problem("counting", f"{waiting >> 20} MB were taken and are not counted yet",
                      "give the server more of the machine; nothing is lost")  # fmt: skip
    if told["counts"] is not None:
        yield _counted(told, now)
        for one in told["counts"].get("unwatched", ()):
            yield hint("not watched by counts", one)
        return
    if came is None or last is None:
        if waiting:
            yield hint(
                "events", f"the first {waiting:,} bytes came and are being counted", "look again in 15 s"
            )
        else:
            yield problem("events", "not one ever came",
                          "is the guard started with FIRELINE_URL? Try: fireline send FILE --service "
                          + str(told["service"]))  # fmt: skip
        return
    if now - last > max(QUIET, timedelta(seconds=2 * told["allowed_lateness_seconds"])):
        if now - came <= QUIET:
            yield problem("events", f"they come, and the newest is {length(now - last)} old",
                          "only the past was sent: judging needs what happens now; or the sender's clock or "
                          "time zone is wrong")  # fmt: skip
        else:
            yield problem("events", f"the last came {_ago(now, came)}",
                          "did the service stop, lose its FIRELINE_URL, or its token?")  # fmt: skip
    else:
        yield ok("events", f"the last came {_ago(now, came)}")
    if told["lake"]:
        yield problem("lake", told["lake"], "servers that share a database must share the lake folder too")
    late = told["looked_at"]["late_share"]
    if late is not None and late > LATE:
        allowed = length(timedelta(seconds=told["allowed_lateness_seconds"]))
        yield problem("lateness", f"{share(late)} of them came more than {allowed} late and are not judged",
                      "look at the senders' clocks, send more often, or raise allowed_lateness")  # fmt: skip


def _sources(told: Mapping[str, Any]) -> Iterator[Verdict]:
    now, sources = parse_time(told["now"]), told.get("sources", ())
    for one in sources:
        name = f"{one['name']} ({one['kind']})"
        if one["trouble"]:
            since = length(now - parse_time(one["failing_since"]))
            yield problem("sources", f"{name} cannot be read for {since} now: {one['trouble']}",
                          "it is tried again by itself; try it by hand: fireline pull RUNBOOK --source "
                          + one["name"])  # fmt: skip
        elif one["looked"] is None and told["leads"]:
            yield hint("sources", f"{name} was not read yet", "look again in some seconds")
        elif one["looked"] is not None:
            last = f"the last came {_ago(now, parse_time(one['last_rows']))}" if one["last_rows"] else (
                "none since the server began")  # fmt: skip
            yield ok("sources", f"{name}: {one['rows']:,} rows of {one['feed']}, {last}")


def _aside(told: Mapping[str, Any]) -> Iterator[Verdict]:
    reasons = told["reasons"]
    if not reasons:
        yield ok("put aside", "no row in the last day")
        return
    for one in reasons[:SHOWN]:
        where = f" in {one['column']}" if one["column"] else ""
        yield problem("put aside", f"{one['rows']:,} rows{where}: {one['reason']}", one["todo"])


def _columns(told: Mapping[str, Any]) -> Iterator[Verdict]:
    wanted = [one for one in told["columns"] if not one["optional"]]
    seen = told["looked_at"]["rows"] > 0
    missing = [one for one in wanted if not one["met"] or (seen and one["empty_share"] == 1.0)]
    for one in missing:
        near = get_close_matches(one["column"], told["unknown_columns"], 1, 0.6)
        like = f"is it the column {near[0]!r}? Say so under columns:" if near else (
            "log it, or take it out of the runbook's columns:")  # fmt: skip
        what = "no event brings it" if not one["met"] else "no event has a value in it"
        yield problem("columns", f"the runbook wants {one['column']!r}: {what}", like)
    for one in wanted:
        if seen and one not in missing and (one["empty_share"] or 0) > EMPTY:
            yield hint("columns", f"{one['column']!r} has no value in {share(one['empty_share'])} of events")
    if seen and not missing:
        yield ok("columns", "everything the runbook wants is there")
    if told["guard_columns"]:
        lines = ", ".join(f"{name}: {name}" for name in told["guard_columns"])
        named = listing(told["guard_columns"])
        yield problem("columns", f"a guard writes {named}, which the runbook does not name: "
                      "shadow calls count as live, and no measure is seen to take",
                      f"add to columns: {lines}")  # fmt: skip
    if told["unknown_columns"]:
        names = listing([repr(name) for name in told["unknown_columns"][:5]])
        yield hint("columns", f"events bring what the runbook does not speak of: {names}",
                   "name them under columns: to have them watched")  # fmt: skip


def _guards(told: Mapping[str, Any], guarded: bool) -> Iterator[Verdict]:
    guards, version = told["guards"], told["switch"]
    if not guards:
        says = f"none listens (switch {version} is out)" if version else "none listens"
        todo = "a guard needs FIRELINE_URL, FIRELINE_TOKEN and FIRELINE_SWITCH_KEY, and one call or start()"
        yield problem("guards", says, todo) if guarded or version else hint("guards", says, todo)
        return
    stale = [one["id"] for one in guards if one["stale"]]
    behind = [one["id"] for one in guards if one["obeys"] < version]
    passing = [one["id"] for one in guards if one.get("passes")]
    if passing:
        yield problem("guards", f"{len(passing)} of {len(guards)} pass a route of the switch by: "
                      + listing(passing[:5]),
                      "they have no such version or rung: undo the measure, or deploy it there")  # fmt: skip
    if stale:
        yield problem("guards", f"{len(stale)} of {len(guards)} said they were stale: {listing(stale[:5])}",
                      "look at the network between them and here, and at their tokens")  # fmt: skip
    if behind:
        yield problem("guards", f"{len(behind)} of {len(guards)} do not obey switch {version}: "
                      + listing(behind[:5]), "look at their FIRELINE_SWITCH_KEY and their log")  # fmt: skip
    if not stale and not behind and not passing:
        out = f"switch {version}" if version else "no switch is out"
        yield ok("guards", f"{len(guards)} listen; {out}")


def _labels(told: Mapping[str, Any]) -> Iterator[Verdict]:
    labels, now = told["labels"], parse_time(told["now"])
    if not labels["wanted"]:
        yield hint("labels", "the runbook has none: quality is not judged")
        return
    came, age = _time(labels["came_at"]), timedelta(seconds=labels["age_seconds"])
    if came is not None and now - came <= max(2 * age, timedelta(days=1)):
        yield ok("labels", f"the last came {_ago(now, came)}")
        return
    says = f"the last came {_ago(now, came)}" if came else "none came yet"
    todo = f"fireline send LABELS --labels --service {told['service']}, or the guard's label()"
    young = came is None and now - parse_time(told["judges_from"]) <= age
    yield hint("labels", f"{says}; they are due {length(age)} after their request", todo) if young else (
        problem("labels", f"{says}: quality is not judged", todo))  # fmt: skip


def _judging(told: Mapping[str, Any]) -> Iterator[Verdict]:
    if told["trouble"]:
        follows = not told["leads"] and not told["drill"]
        said = str(told["trouble"])
        yield (
            hint("loop", said)
            if follows and "leads" in said
            else problem("loop", said, "see the server's log: the loop tries again by itself")
        )
    until, mark = _time(told["judged_until"]), _time(told["watermark"])
    begins = parse_time(told["judges_from"])
    if mark is not None and begins > mark:
        yield hint("judging", f"it begins with the events from {told['judges_from']} on")
    elif until is None or mark is None or (told["leads"] and mark - until > BEHIND):
        behind = f"{length(mark - until)} behind" if until and mark else "nothing was judged"
        yield problem("judging", behind, "see `loop` and `counting` above, and the server's log")
    else:
        yield ok("judging", f"everything up to {told['judged_until']}")
    if told["leads"]:
        yield ok("leader", "this server judges and acts")
    if told["calls_people"]:
        yield ok("paging", "somebody is called when something is found")
    else:
        yield hint("paging", "nobody is called when something is found", "fireline serve --config FILE")


def _time(text: str | None) -> datetime | None:
    return parse_time(text) if text else None


def _ago(now: datetime, then: datetime) -> str:
    passed = now - then
    return "just now" if passed < timedelta(seconds=1) else f"{length(passed)} ago"
