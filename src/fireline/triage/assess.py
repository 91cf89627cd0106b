"""The whole assessment of one incident, step by step on one page."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fireline.clock import from_micros, micros
from fireline.terms.alert import Finding
from fireline.terms.cause import CauseKind
from fireline.triage.book import Book
from fireline.triage.case import Assessment, Bools, Case
from fireline.triage.causes import rank_causes
from fireline.triage.checks import next_checks
from fireline.triage.elsewhere import elsewhere
from fireline.triage.exhibits import exhibits
from fireline.triage.figure import Figure, Moment, moment
from fireline.triage.figures import figure_of, figures_for, mean_score
from fireline.triage.inputs import Inputs, look_at_inputs, shape_step
from fireline.triage.inside import told_inside
from fireline.triage.labelled import with_shared_labels
from fireline.triage.messages import messages
from fireline.triage.narrowing import after_version, narrow
from fireline.triage.newcomers import newcomers
from fireline.triage.onset import Onset, find_onset, gradual, tidy
from fireline.triage.reweigh import Reweighed, reweigh
from fireline.triage.severity import harm_of, judge_severity
from fireline.triage.sign import Seen
from fireline.triage.slices import Found, find_slice
from fireline.triage.surroundings import Callers, look_at_callers, look_at_platform, volume
from fireline.triage.suspects import line_up
from fireline.triage.truth import arrival_span, look_at_truth
from fireline.triage.versions import Split, split_versions
from fireline.triage.windows import Step, Windows, step_of, windows
from fireline.triage.words import figure as say
from fireline.triage.words import where

SURE = 0.6
MOVED_MUCH = 0.1


def assess(case: Case) -> Assessment:
    """When it began, how bad it is, where it hurts, which version alone is bad, and the ranked causes with
    evidence."""
    case = _led(case)
    book = _book(case)
    onset = narrow(case, book, find_onset(case, book))
    spans, at, figures = _look(case, book, onset)
    split = split_versions(book, onset, figures)
    alone = split.new if split.verdict == "only_new" and split.strength >= SURE else None
    if alone is not None:
        onset = after_version(case, book, onset, alone, split.shown_by)
        spans, at, figures = _look(case, book, onset)
    hit = spans.hit & (book.after.words("version") == alone) if alone is not None else spans.hit
    hit = hit if hit.any() else spans.hit
    seen = _see(case, book, onset, spans, hit, at, figures, split)
    labels = _labels_onset(case, book, seen, figures)
    suspects = line_up(
        case, book, onset, split, seen.found, figures[0] if figures else None, spans.hit, labels
    )
    causes = rank_causes(seen, suspects)
    if labels is not None and causes[0].cause is CauseKind.LABEL_PIPELINE:
        onset = labels
    elif causes[0].cause in (CauseKind.NATURAL_DRIFT, CauseKind.CONCEPT_DRIFT) and causes[0].change is None:
        onset = tidy(gradual(case, onset), case.now)
    affected = seen.found.share * (float(hit.sum() / max(spans.hit.sum(), 1)) if alone is not None else 1.0)
    severity, why = judge_severity(
        harm_of(case.findings, affected, case.runbook, case.promised), case.runbook
    )
    return Assessment(
        onset=onset.span,
        severity=severity,
        severity_because=why,
        title=_title(case.trigger, alone, seen.found),
        slice=seen.found.slice,
        new_version=alone,
        causes=causes,
        evidence=(
            *exhibits(case, book, spans, hit, split, seen.found, seen.inputs, seen.reweighed, seen.truth),
            *messages(case.findings, case.sampled),
            *newcomers(case.findings, case.appeared),
            *elsewhere(case),
        ),
        checks=next_checks(seen, causes),
        onset_because=onset.because,
        slice_because=seen.found.because,
        figures={
            "share": affected,
            "split": split.verdict,
            "split_because": split.because,
            "shape": onset.shape,
            "equally_bad": _equally_bad(split),
        },
        equally_bad=_equally_bad(split),
    )


def _led(case: Case) -> Case:
    """The case led by its first page: harm that joined a ticket is what has to be understood."""
    order = sorted(range(len(case.findings)), key=lambda i: case.findings[i].urgency != "page")
    findings = tuple(case.findings[i] for i in order)
    traces = {place: case.traces[i] for place, i in enumerate(order) if i in case.traces}
    return replace(case, findings=findings, traces=traces)


def _book(case: Case) -> Book:
    """Both frames as triage reads them: live rows before; after, shadow rows that know their request's
    label."""
    return Book(case.before.live(), with_shared_labels(case.after), case.runbook)


def _look(case: Case, book: Book, onset: Onset) -> tuple[Windows, Moment, list[Figure]]:
    spans = windows(book, *onset.span)
    at = moment(book, spans.hit, case.now)
    return spans, at, figures_for(book, case.findings, at)


def _see(
    case: Case,
    book: Book,
    onset: Onset,
    spans: Windows,
    hit: Bools,
    at: Moment,
    figures: list[Figure],
    split: Split,
) -> Seen:
    callers = look_at_callers(book, spans, volume(book, spans))
    inputs = look_at_inputs(book, spans, hit)
    main = figures[0] if figures else None
    found = _where(case, book, spans, hit, main, inputs)
    inputs = told_inside(book, onset, inputs, found)
    quality = next((f for f in figures if f.labelled), None)
    scored = figure_of(book, "score_drift", None, at)
    host = str(found.slice["host"]) if found.slice and "host" in found.slice else None
    latency, errors = figure_of(book, "latency", None, at), figure_of(book, "error_rate", None, at)
    return Seen(
        findings=case.findings,
        quiet=case.quiet,
        onset=onset,
        split=split,
        found=found,
        inputs=inputs,
        score=shape_step(book, book.answer, spans, spans.hit) if scored is not None else None,
        main=_main_step(book, main, spans),
        reweighed=_reweigh(book, spans, hit, [f for f in (quality, main, scored) if f is not None], inputs),
        platform=look_at_platform(book, case.findings, latency, errors, spans, host),
        callers=callers,
        truth=look_at_truth(book, spans, at, quality),
        others=_without(book, spans, hit, callers) if callers.concentrated and inputs.moved else None,
        mean_score=step_of(book, mean_score(book), spans) if book.after.has("score") else None,
    )


def _without(book: Book, spans: Windows, hit: Bools, callers: Callers) -> Inputs:
    """The inputs without the few sources that stand out."""
    few = np.isin(book.after.words("source").astype(str), list(callers.sources))
    return look_at_inputs(book, spans, hit & ~few)


def _main_step(book: Book, main: Figure | None, spans: Windows) -> Step | None:
    if main is None or not spans.hit.any():
        return None
    if main.family in ("drift", "score_drift"):
        return shape_step(book, main.feature or book.answer, spans, spans.hit)
    return step_of(book, main, spans)


def _where(case: Case, book: Book, spans: Windows, hit: Bools, main: Figure | None, inputs: Inputs) -> Found:
    """The slice by the trigger's figure; what drifted itself is no place."""
    if main is None:
        return _by_findings(case, Found("none", None, "the trigger's figure does not show in single events"))
    moved = {
        m.feature for m in inputs.moved if (m.broken or m.psi > MOVED_MUCH) and m.feature not in book.segments
    }
    without = moved | {f.feature for f in case.findings if f.feature is not None}
    found = find_slice(book, main, spans, hit, without)
    return _by_findings(case, found)


def _by_findings(case: Case, found: Found) -> Found:
    """Where the scan cannot tell but every finding is of one and the same segment, it is that segment."""
    named = {tuple(sorted(f.segment.items())) if f.segment else () for f in case.findings}
    if found.scope != "none" or len(named) != 1 or named == {()}:
        return found
    (pairs,) = named
    share = case.served.get(case.trigger.scope_key, found.share)
    return Found("slice", dict(pairs), f"every alert is of {where(dict(pairs))}", found.rows, share)


def _reweigh(
    book: Book, spans: Windows, hit: Bools, figures: list[Figure], inputs: Inputs
) -> tuple[Reweighed, ...]:
    """The reweighting test by the features that drifted and the segments whose mix did; not by what broke."""
    columns = [m.feature for m in inputs.moved if not m.broken]
    named = {f.name: f for f in figures if f.feature is None}
    return reweigh(book, list(named.values()), columns, spans, hit)


def _labels_onset(case: Case, book: Book, seen: Seen, figures: list[Figure]) -> Onset | None:
    """The onset on the clock labels arrive by, should the labels be at fault."""
    quality = next((f for f in figures if f.labelled), None)
    span = arrival_span(book, seen.truth, quality, micros(case.now))
    if span is None:
        return None
    because = "dated by when the broken labels arrived: they broke whatever the age of their events"
    found = replace(seen.onset, earliest=from_micros(span[0]), latest=from_micros(span[1]), because=because)
    return tidy(found, case.now)


def _equally_bad(split: Split) -> tuple[str, ...]:
    return tuple(v for v in (split.new, split.old) if v) if split.verdict == "equal" else ()


def _title(trigger: Finding, alone: str | None, found: Found) -> str:
    """``version B, carrier = UA: AUC 0.651, usually 0.722``."""
    text = str(trigger.details.get("headline") or "") or _named(trigger)
    version, place = alone or trigger.version, found.slice or trigger.segment
    parts = [f"version {version}"] * bool(version) + [where(place or {})] * bool(place)
    return f"{', '.join(parts)}: {text}" if parts else text


def _named(trigger: Finding) -> str:
    """A finding that brings no headline, by its family and figures."""
    name = trigger.family.replace("_", " ") + (f" of {trigger.feature}" if trigger.feature else "")
    if trigger.seen is None or trigger.usual is None or not np.isfinite([trigger.seen, trigger.usual]).all():
        return name
    return f"{name} {say(trigger.seen, trigger.unit)}, usually {say(trigger.usual, trigger.unit)}"
