"""The judge: every monitor of a service, tick by tick, within one budget of false pages."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import cached_property

import numpy as np

from fireline.clock import MICROS, from_micros
from fireline.detect.bank import Bank, Reading
from fireline.detect.baseline import Baseline
from fireline.detect.budget import reserve_share
from fireline.detect.choice import judged
from fireline.detect.courts import Court, Round, court_of, fits_of, shares_of
from fireline.detect.duel import duel
from fireline.detect.fit import Fit
from fireline.detect.fixed import FixedThresholds
from fireline.detect.kinds import Array, Behind, Kind, Monitor, Told
from fireline.detect.merging import merged
from fireline.detect.registry import kind_named
from fireline.detect.report import figure, finding
from fireline.detect.sums import Sums
from fireline.detect.track import Crossing, Track
from fireline.ids import stable_id
from fireline.runbook.schema import Runbook
from fireline.terms.alert import Finding
from fireline.terms.counts import SERVICE, Scope
from fireline.terms.plan import Layout

Read = Callable[[Layout, int, int, int], Mapping[Scope, Array]]
BLOCK_CELLS = 3_000_000
DRAWN_CAP = 10.0
SAVED = ("r", "w", "latched", "since", "sums")
NEVER_DUEL = frozenset(
    {"score_drift", "traffic", "silence", "duplicate_rate", "label_coverage", "fallback_share"}
)


class Judge:
    """Judges a service against its ``baseline`` from ``since`` (microseconds) on.

    ``advance`` judges every complete tick once, in order, and yields findings; ``save`` and ``restore`` carry
    the state over a restart. Versions that the reference did not know join as they appear, on a reserved
    share.
    """

    def __init__(self, baseline: Baseline, runbook: Runbook, since: int) -> None:
        self.baseline, self.runbook, self.plan, self.since = baseline, runbook, baseline.plan, since
        self.versions: list[str] = []
        self.kinds = judged(self.plan, runbook)
        self.off = {(r.monitor, r.feature) for r in runbook.monitors if r.off}
        self.fixed = FixedThresholds(baseline, runbook, since)
        self.rounds: dict[tuple[bool, int, int], Round] = {}
        self.tables: dict[str, tuple[Sums, ...] | None] = {}  # of kinds, where a lane asked for them
        known = [Scope("version", "", v) for v in self.plan.versions] if len(self.plan.versions) > 1 else []
        shares = shares_of(self.kinds, baseline, runbook, len(known))
        for kind in self.kinds:
            for grain, fits in fits_of(kind, baseline, runbook):
                if next(iter(fits)).kind == "segment":
                    share = shares["segment"][kind.name]
                else:
                    share = shares[kind.pool][kind.name]
                    fits |= {s: fits[SERVICE] for s in known if "version" in kind.scopes and SERVICE in fits}
                self._seat(kind.name, kind, fits, grain, share)

    # -- who sits ---------------------------------------------------------------------------------------

    @property
    def courts(self) -> list[Court]:
        """Every court, round by round."""
        return [court for key in sorted(self.rounds) for court in self.rounds[key].courts]

    @property
    def monitors(self) -> int:
        """How many monitors are judged."""
        return sum(len(court.bank.owners) for court in self.courts)

    def _seat(
        self, name: str, kind: Kind, fits: Mapping[Scope, Fit], grain: int, share: float,
        rival: str | None = None,
    ) -> None:  # fmt: skip
        pages = self.runbook.false_pages_per_30d
        court = court_of(name, kind, self.plan, fits, grain, pages, share, rival)
        tick = -(-self.since // (court.seconds * MICROS))
        track = Track.start(court.bank.sizes, court.page, court.ticket, court.bank.branches, tick)
        if court.round in self.rounds:
            self.rounds[court.round].courts.append(court)
            self.rounds[court.round].track.join(track)
        else:
            self.rounds[court.round] = Round(court.round[0], court.seconds, [court], track)

    def meet(self, version: str) -> None:
        """A version the reference did not know: judged from now on against the service's baseline and, while
        others serve or shadow the same traffic, against them. Before its first event it has no data, so it
        may be met early; versions are met in the order in which they appear."""
        if version in self.versions or version in self.plan.versions or not version:
            return
        share = reserve_share(len(self.versions)) / 2
        self.versions.append(version)
        scope = Scope("version", "", version)
        fitting = [
            (kind, fits) for kind in self.kinds if "version" in kind.scopes
            for _, fits in fits_of(kind, self.baseline, self.runbook) if SERVICE in fits
        ]  # fmt: skip
        total = sum(len(kind.monitors(self.plan)) for kind, _ in fitting)
        for kind, fits in fitting:
            grain = kind.laid_out(self.plan).grains["version"]
            one = {scope: fits[SERVICE]}
            self._seat(f"{kind.name}@{version}", kind, one, grain, share / total)
            if kind.name not in NEVER_DUEL:
                self._seat(f"{kind.name}@{version}/old", kind, one, grain, share / total, version)

    # -- judging ------------------------------------------------------------------------------------------

    def advance(self, read: Read, until: int, quality_until: int) -> list[Finding]:
        """Judges what is complete: ticks that end by ``until``, cohorts that end by ``quality_until``
        (microseconds).

        Returns findings in the order in which they became known.
        """
        found: list[Finding] = []
        for key in sorted(self.rounds):
            one = self.rounds[key]
            last = (quality_until if one.quality else until) // (one.seconds * MICROS)
            found += self.sit(one, read, last)
        found += self.fixed.advance(read, until, quality_until)
        return sorted(found, key=in_order)

    def sit(self, one: Round, read: Read, last: int) -> list[Finding]:
        """Judges one round up to tick ``last``."""
        found: list[Finding] = []
        while one.track.next_tick < last:
            found += self._judge(one, read, last)
        return found

    def _judge(self, one: Round, read: Read, last: int) -> list[Finding]:
        first = one.track.next_tick
        stop = min(last, first + max(1, BLOCK_CELLS // max(one.track.r.size, 1)))
        seen: dict[tuple[str, int], Mapping[Scope, Array]] = {}
        readings = []
        for court in one.courts:
            layout, merge = court.bank.kind.laid_out(self.plan), court.bank.merge
            if (layout.name, court.grain) not in seen:
                seen[layout.name, court.grain] = read(layout, court.grain, first * merge, stop * merge)
            counts = seen[layout.name, court.grain]
            readings.append(self._read(court.bank, court.grain, court.rival, counts, first, stop, court.caps))
        crossings = one.track.add(readings)
        return [self.found(*one.owner(crossing.group), crossing, read) for crossing in crossings]

    def read_tick(self, court: Court, counts: Mapping[Scope, Array], tick: int) -> Reading:
        """One tick of one court, from counts [merge, W] of each scope that has any."""
        return self._read(court.bank, court.grain, court.rival, counts, tick, tick + 1, court.caps)

    def _read(
        self,
        bank: Bank,
        grain: int,
        rival: str | None,
        counts: Mapping[Scope, Array],
        first: int,
        stop: int,
        caps: Array | None,
    ) -> Reading:
        width = bank.kind.laid_out(self.plan).width
        none = np.zeros(((stop - first) * bank.merge, width), np.int64)

        def of(scope: Scope) -> Array:
            return merged(counts.get(scope, none), first * bank.merge, bank.merge)[0]

        if rival is None:
            return bank.read([of(scope) for scope in bank.scopes], first, grain, caps)
        new = of(Scope("version", "", rival))
        old = of(SERVICE) - new
        for scope in sorted(s for s in counts if s.kind == "shadow" and s.value != rival):
            old = old + of(scope)
        caps = np.full(len(bank.groups), DRAWN_CAP) if caps is None else caps
        reading = duel(bank.kind, self.plan, new, old, bank.tolerance, caps, bank.sizes)
        return replace(reading, valid=reading.valid & bank.usable)

    def found(self, court: Court, group: int, crossing: Crossing, read: Read) -> Finding:
        """What a crossing of one court's monitor ``group`` says."""
        bank = court.bank
        scope, monitor = bank.owners[group]
        aged = bank.kind.laid_out(self.plan).aged
        age = self.runbook.labels.age if aged and self.runbook.labels else timedelta()
        known = (
            from_micros((crossing.tick + 1) * court.seconds * MICROS) + age + self.runbook.allowed_lateness
        )
        return finding(
            bank.kind, monitor, scope, crossing, court.seconds, known,
            float(court.page[group]), against="old" if court.rival else None,
            told=self._told(court, scope, monitor, crossing, read),
        )  # fmt: skip

    def _told(
        self, court: Court, scope: Scope, monitor: Monitor, crossing: Crossing, read: Read
    ) -> Told | None:
        """The kind's own words, from the counts behind the crossing and those of the reference."""
        kind, merge = court.bank.kind, court.bank.merge
        if type(kind).tell is Kind.tell:
            return None
        layout = kind.laid_out(self.plan)
        now = read(layout, court.grain, crossing.since * merge, (crossing.tick + 1) * merge).get(scope)
        totals = self.baseline.totals
        usual = totals.get((layout.name, scope), totals.get((layout.name, SERVICE)))
        lead, none = int(np.argmax(crossing.shares)), np.zeros((1, layout.width), np.int64)
        behind = Behind(
            (none if now is None else now).sum(axis=0), (none if usual is None else usual).sum(axis=0),
            figure(crossing.seen[lead]), figure(crossing.usual[lead]),
        )  # fmt: skip
        return kind.tell(self.plan, monitor, lead, behind)

    def trace(self, found: Finding, read: Read, since: int, until: int) -> tuple[int, int, Reading] | None:
        """The finding's monitor over a stretch of time (microseconds): (first tick, seconds a tick, reading
        of its channels without e-factors), or None when nothing judges it."""
        if found.family == "job":
            return None  # a rule's, of no series
        kind, scope = kind_named(found.monitor), Scope.of_key(found.scope_key)
        one = self.baseline.fits.get((kind.name, scope)) or self.baseline.fits.get((kind.name, SERVICE))
        place = next((i for i, m in enumerate(kind.monitors(self.plan)) if m.series == found.series), None)
        if one is None or place is None:
            return None
        layout = kind.laid_out(self.plan)
        bank = Bank(kind, self.plan, {scope: one})
        grain = layout.grains[scope.kind]
        seconds = grain * one.merge
        first, stop = since // (seconds * MICROS), until // (seconds * MICROS)
        if stop <= first:
            return None
        counts = read(layout, grain, first * one.merge, stop * one.merge)
        rival = found.version if found.against is not None else None
        reading = self._read(bank, grain, rival, counts, first, stop, None)
        start = int(bank.groups[place])
        return first, seconds, _part(reading, slice(start, start + int(bank.sizes[place])))

    def inflation_of(self, found: Finding) -> float:
        """The long-run inflation of the finding's monitor, the largest of its channels."""
        fits = self.baseline.fits
        one = fits.get((found.monitor, Scope.of_key(found.scope_key))) or fits.get((found.monitor, SERVICE))
        if one is None or found.against is not None:
            return 1.0
        at = 0
        for monitor in kind_named(found.monitor).monitors(self.plan):
            span = slice(at, at + len(monitor.channels))
            at = span.stop
            if monitor.series == found.series:
                return float(one.inflation[span].max())
        return 1.0

    # -- across restarts ----------------------------------------------------------------------------------

    def save(self) -> bytes:
        """The judge's whole state."""
        buffer = io.BytesIO()
        arrays: dict[str, Array] = {}
        ticks = []
        for i, key in enumerate(sorted(self.rounds)):
            track = self.rounds[key].track
            ticks.append(track.next_tick)
            for name in SAVED:
                arrays[f"{i}.{name}"] = getattr(track, name)
        head = {
            "plan": self.identity,
            "versions": self.versions,
            "ticks": ticks,
            "fixed": self.fixed.starts,
        }
        arrays["head"] = np.frombuffer(json.dumps(head).encode(), np.uint8)
        np.savez_compressed(buffer, allow_pickle=False, **arrays)
        return buffer.getvalue()

    def restore(self, body: bytes) -> bool:
        """Takes up the state ``save`` gave. A state of another plan is not mixed in: the judge starts cold,
        and False is answered."""
        with np.load(io.BytesIO(body), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        head = json.loads(arrays["head"].tobytes())
        if head["plan"] != self.identity:
            return False
        self.fixed.starts = list(head["fixed"])
        for version in head["versions"]:
            self.meet(version)
        for i, (key, tick) in enumerate(zip(sorted(self.rounds), head["ticks"], strict=True)):
            track = self.rounds[key].track
            track.next_tick = int(tick)
            for name in SAVED:
                setattr(track, name, arrays[f"{i}.{name}"])
        return True

    @cached_property
    def identity(self) -> list[str]:
        """What a state must have been saved by: the same series, judged by the same monitors on the same
        ticks."""
        judged = {kind.name for kind in self.kinds}
        fits = sorted(
            f"{kind} {scope.key} {one.merge}"
            for (kind, scope), one in self.baseline.fits.items()
            if kind in judged
        )
        return [*(layout.identity for layout in self.plan.layouts), stable_id("fits", *fits)]

    @cached_property
    def plan_id(self) -> str:
        """``identity`` as one short name."""
        return stable_id("plan", *self.identity)

    @cached_property
    def layouts(self) -> frozenset[str]:
        """Identities of the counts that are looked at."""
        return frozenset(kind.laid_out(self.plan).identity for kind in self.kinds)


def in_order(f: Finding) -> tuple[object, ...]:
    """By when it became known; the service before versions, and these before segments, which then have
    nothing new to say; of groups first the one that parted most surely."""
    place = 2 if f.segment else 1 if f.version is not None else 0
    surest = -f.evidence if f.family == "fairness" else 0.0
    return f.at, place, f.family, surest, f.monitor, f.scope_key, f.feature or "", f.against or ""


def _part(reading: Reading, span: slice) -> Reading:
    return Reading(
        reading.log_factors[:, span], reading.valid[:, span], reading.seen[:, span],
        reading.usual[:, span], reading.weight[:, span], reading.z[:, span],
    )  # fmt: skip
