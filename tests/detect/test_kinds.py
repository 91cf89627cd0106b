"""One suite for every kind of monitor: a new file in ``monitors/`` is held to it without a line here but its
fault."""

import inspect
import json
import warnings
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fireline.detect.bank import Bank
from fireline.detect.baseline import Baseline
from fireline.detect.budget import purse
from fireline.detect.kinds import Behind, Kind, Means, Rates
from fireline.detect.merging import merged
from fireline.detect.registry import kind_named, kinds
from fireline.detect.track import Crossing, Track
from fireline.terms.alert import FAMILIES
from fireline.terms.counts import SERVICE
from tests.support import town as towns
from tests.support.places import places
from tests.support.town import Tables, Town

PLACES = places()
# that nothing came is what they look at
EMPTY_IS_DATA = {"traffic", "silence", *(name for name, place in PLACES.items() if place.empty_is_data)}
EVERY = pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.name)


def place(kind: Kind) -> tuple[Town, Baseline]:
    """A town whose plan the kind watches."""
    if kind.name in PLACES:
        return PLACES[kind.name].town()
    return towns.calm_numbers() if kind.name == "absolute_error" else towns.calm()


def grain_of(kind: Kind, town: Town) -> int:
    return kind.laid_out(town.plan).grains["service"]


# -- what a kind says of itself


def test_names_are_unique():
    names = [kind.name for kind in kinds()]
    assert len(set(names)) == len(names)
    assert {kind_named(name).name for name in names} == set(names)


def test_an_unknown_name_is_answered_with_those_there_are():
    with pytest.raises(KeyError, match="auc"):
        kind_named("acu")


@EVERY
def test_a_kind_is_of_a_known_family_and_pool(kind):
    assert kind.family in FAMILIES
    assert kind.pool in ("service", "drift")
    assert kind.urgency in ("page", "ticket")
    assert kind.k >= 2
    town, _ = place(kind)
    assert all(monitor.family in ("", *FAMILIES) for monitor in kind.monitors(town.plan))


@EVERY
def test_the_docstring_says_what_it_notices_by_an_example(kind):
    doc = inspect.getdoc(type(kind)) or ""
    assert doc.split("\n")[0].rstrip().endswith((".", ":"))
    assert ">>>" in doc, "give a runnable example with its output"


@EVERY
def test_every_kind_watches_something_here(kind):
    town, baseline = place(kind)
    assert kind.monitors(town.plan)
    assert (kind.name, SERVICE) in baseline.fits
    assert baseline.fits[kind.name, SERVICE].usable.any()


@EVERY
def test_monitors_of_a_kind_are_told_apart(kind):
    town, _ = place(kind)
    monitors = kind.monitors(town.plan)
    assert len({(m.series, m.feature) for m in monitors}) == len(monitors)
    assert all(m.name == kind.name for m in monitors)


# -- from counts to statistics


def channels(kind: Kind, town: Town) -> int:
    return sum(len(monitor.channels) for monitor in kind.monitors(town.plan))


def shapes(found: Rates | Means) -> set[tuple[int, ...]]:
    parts = (found.hits, found.n) if isinstance(found, Rates) else (found.value, found.variance, found.n)
    return {np.shape(part) for part in parts}


@EVERY
@pytest.mark.parametrize("ticks", [0, 1, 7])
def test_ticks_have_a_column_for_every_channel(kind, ticks):
    town, _ = place(kind)
    counts = np.ones((ticks, kind.laid_out(town.plan).width), np.int64)
    found = kind.ticks(town.plan, counts)
    assert shapes(found) == {(ticks, channels(kind, town))}
    assert isinstance(found, Rates) == (kind.test == "rate")


@EVERY
def test_tolerances_and_fixed_bases_fit_the_channels(kind):
    town, _ = place(kind)
    wide = channels(kind, town)
    tolerances = kind.tolerances(town.plan, np.full(wide, 0.1))
    assert tolerances.shape == (wide,)
    assert (tolerances >= (1 if kind.test == "rate" else 0)).all()
    fixed = kind.fixed_base(town.plan)
    assert fixed is None or fixed.shape == (wide,)


@EVERY
def test_without_events_there_is_no_data_and_no_warning(kind):
    town, baseline = place(kind)
    counts = np.zeros((4, kind.laid_out(town.plan).width), np.int64)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = kind.ticks(town.plan, counts)
        reading = bank(kind, town, baseline).read([counts], 0, grain_of(kind, town), caps(kind, town))
    if kind.name not in EMPTY_IS_DATA:
        assert (np.asarray(found.n) == 0).all()
        assert not reading.valid.any()
    assert not np.isnan(reading.log_factors[reading.valid]).any()


@EVERY
@settings(max_examples=10)
@given(seed=st.integers(0, 2**32 - 1), most=st.sampled_from([1, 3, 50, 10**6]))
def test_whatever_was_counted_valid_ticks_have_factors_within_the_cap(kind, seed, most):
    town, baseline = place(kind)
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, most, (6, kind.laid_out(town.plan).width))
    counts *= rng.random(counts.shape) < rng.random()
    _consistent(kind, town, counts)
    reading = bank(kind, town, baseline).read([counts], 0, grain_of(kind, town), caps(kind, town))
    factors = reading.log_factors[reading.valid]
    assert not np.isnan(factors).any()
    judges = bank(kind, town, baseline)
    if not np.isfinite(judges.blip) or (kind.test == "mean" and not np.isfinite(judges.reach).any()):
        assert (factors <= caps(kind, town).max() + 1e-9).all()
    assert np.isfinite(reading.z[reading.valid]).all()
    assert np.isfinite(reading.seen[reading.valid]).all()


@EVERY
@settings(max_examples=5)
@given(seed=st.integers(0, 2**32 - 1), most=st.sampled_from([1, 3, 10**6]))
def test_whatever_was_counted_a_finding_can_be_told(kind, seed, most):
    town, _ = place(kind)
    rng = np.random.default_rng(seed)
    now, usual = rng.integers(0, most, (2, 1, kind.laid_out(town.plan).width))
    _consistent(kind, town, now)
    _consistent(kind, town, usual)
    for monitor in kind.monitors(town.plan):
        for channel in range(len(monitor.channels)):
            told = kind.tell(town.plan, monitor, channel, Behind(now[0], usual[0], 0.25, 0.2))
            if told is not None:
                assert told.because == told.because.strip()
                assert "nan" not in told.because
                assert (told.seen is None) == (told.usual is None)
                assert told.seen is None or told.unit
                json.dumps([told.seen, told.usual, dict(told.details)], allow_nan=False)


def _consistent(kind: Kind, town: Town, counts: np.ndarray) -> None:
    """No more hits than events, as no log can have."""
    layout = kind.laid_out(town.plan)
    if layout.name == "rates":
        n = layout.series[0].cells.index("n")
        counts[:, n] = counts.max(axis=1)
        for name in town.plan.features:
            null = layout.series[0].cells.index(f"null:{name}")
            other = "out" if town.plan.features[name] == "numeric" else "unseen"
            inside = layout.series[0].cells.index(f"{other}:{name}")
            counts[:, inside] = np.minimum(counts[:, inside], counts[:, n] - counts[:, null])
        if "timed" in layout.series[0].cells:
            counts[:, layout.series[0].cells.index("timed")] = counts[:, n]
    if layout.name == "quality":
        labels = counts[:, layout.span("labels")]
        labels[:, 0] = labels.max(axis=1)
        labels[:, 1] = np.maximum(labels[:, 1], labels[:, 2:].max(axis=1))
        labels[:, 3] = np.maximum(labels[:, 3], labels[:, 4])


def bank(kind: Kind, town: Town, baseline: Baseline) -> Bank:
    return Bank(kind, town.plan, {SERVICE: baseline.fits[kind.name, SERVICE]})


def caps(kind: Kind, town: Town) -> np.ndarray:
    return np.full(len(kind.monitors(town.plan)), np.log(1e5) / kind.k)


# -- fires on its fault, and on nothing else

SHARE = 0.01  # of a service's budget, as one of a hundred monitors


def watch(kind: Kind, town: Town, baseline: Baseline, since: float, until: float) -> list[Crossing]:
    """The kind alone over the whole service, from one day of the town to another."""
    one = bank(kind, town, baseline)
    grain = grain_of(kind, town)
    seconds = grain * one.merge
    levels = purse(1.0, SHARE, seconds)
    first, stop = town.at(since) // (seconds * 10**6), town.at(until) // (seconds * 10**6)
    counts = town.read(kind.laid_out(town.plan), grain, first * one.merge, stop * one.merge)[SERVICE]
    folded, start = merged(counts, first * one.merge, one.merge)
    count = len(one.groups)
    track = Track.start(
        one.sizes, np.full(count, levels.page), np.full(count, levels.ticket), one.branches, start
    )
    limits = one.caps(np.full(count, levels.page))
    return list(track.add([one.read([folded], start, grain, limits)]))


@EVERY
def test_a_faultless_month_is_quiet(kind):
    town, baseline = place(kind)
    crossings = watch(kind, town, baseline, 28, town.days)
    assert [c for c in crossings if c.level == "page"] == []


@EVERY
def test_its_fault_is_noticed_within_two_days(kind):
    town, baseline = place(kind)
    fault, wanted = _fault(kind.name)
    seconds = grain_of(kind, town) * baseline.fits[kind.name, SERVICE].merge
    begun = town.at(30)
    crossings = watch(kind, town.edited(lambda tables: fault(town, tables, 30)), baseline, 28, 34)
    monitors = kind.monitors(town.plan)
    told = [c for c in crossings if (c.tick + 1) * seconds * 10**6 > begun]
    assert told == crossings, "nothing may be told before the fault"
    named = [c for c in told if wanted in (monitors[c.group].feature, None)]
    assert named
    assert named[0].level in ("ticket", "page")
    pages = [c for c in named if c.level == "page"]
    assert pages
    assert (pages[0].tick + 1) * seconds * 10**6 <= town.at(32)
    assert {monitors[c.group].feature for c in pages} == {wanted}, "only what is at fault is told"


def test_each_kind_has_a_fault_of_its_own():
    assert {*FAULTS, *PLACES} == {kind.name for kind in kinds()}


def _fault(name: str) -> tuple[Callable[[Town, Tables, float], None], str | None]:
    return (PLACES[name].fault, PLACES[name].wanted) if name in PLACES else FAULTS[name]


# The faults: edits of the service's counts from ``day`` on.


def after(town: Town, tables: Tables, layout: str, day: float, grain: int) -> np.ndarray:
    """The service's counts from ``day`` on, a view."""
    return tables[layout, grain][SERVICE][int(day * 86_400) // grain :]


def rate(cell: str, share: float, of: str = "n") -> Callable[[Town, Tables, float], None]:
    """``share`` of the events that lack ``cell`` get it."""

    def edit(town: Town, tables: Tables, day: float) -> None:
        cells = town.plan.rates.series[0].cells
        counts = after(town, tables, "rates", day, 60)
        rest = np.maximum(counts[:, cells.index(of)] - counts[:, cells.index(cell)], 0)
        counts[:, cells.index(cell)] += np.random.default_rng(0).binomial(rest, share)

    return edit


def slow(town: Town, tables: Tables, day: float) -> None:
    rate("slow", 0.15, "timed")(town, tables, day)
    cells = town.plan.rates.series[0].cells
    counts = after(town, tables, "rates", day, 60)
    counts[:, cells.index("very_slow")] = counts[:, cells.index("slow")] * 7 // 8


def upwards(series: str, bins: int, share: float) -> Callable[[Town, Tables, float], None]:
    """``share`` of the values move up by ``bins`` bins."""

    def edit(town: Town, tables: Tables, day: float) -> None:
        span = town.plan.shapes.span(series)
        counts = after(town, tables, "shapes", day, 900)[:, span.start : span.stop - 3]
        moved = np.random.default_rng(0).binomial(counts[:, :-bins], share)
        counts[:, :-bins] -= moved
        counts[:, bins:] += moved

    return edit


def fewer(town: Town, tables: Tables, day: float) -> None:
    counts = after(town, tables, "shapes", day, 900)
    counts[:] = np.random.default_rng(0).binomial(counts, 0.3)


def nothing(town: Town, tables: Tables, day: float) -> None:
    after(town, tables, "rates", day, 60)[:] = 0


def shuffled_scores(town: Town, tables: Tables, day: float) -> None:
    """A third of the positives score like negatives."""
    rng = np.random.default_rng(0)
    counts = after(town, tables, "quality", day, 3600)
    good, bad = (counts[:, town.plan.quality.span(name)] for name in ("positives", "negatives"))
    lost = rng.binomial(good, 0.33)
    usual = bad.sum(axis=0) / bad.sum()
    good += np.stack([rng.multinomial(n, usual) for n in lost.sum(axis=1)]) - lost


def labels(cell: str, kept: float) -> Callable[[Town, Tables, float], None]:
    def edit(town: Town, tables: Tables, day: float) -> None:
        series = town.plan.quality.by_name["labels"]
        at = town.plan.quality.offsets["labels"] + series.cells.index(cell)
        counts = after(town, tables, "quality", day, 3600)
        counts[:, at] = np.random.default_rng(0).binomial(counts[:, at], kept)

    return edit


def moments(**added: float) -> Callable[[Town, Tables, float], None]:
    """Each labelled event adds so much more to a sum."""

    def edit(town: Town, tables: Tables, day: float) -> None:
        quality = town.plan.quality
        counts = after(town, tables, "quality", day, 3600)
        n = counts[:, quality.offsets["labels"] + 1]
        for cell, amount in added.items():
            at = quality.offsets["moments"] + quality.by_name["moments"].cells.index(cell)
            counts[:, at] += (n * amount * 1e6).astype(np.int64)

    return edit


def gone(value: str) -> Callable[[Town, Tables, float], None]:
    """A carrier that no longer comes."""

    def edit(town: Town, tables: Tables, day: float) -> None:
        series = town.plan.shapes.by_name["feature:carrier"]
        cell = town.plan.shapes.offsets["feature:carrier"] + series.cells.index(f"={value}")
        after(town, tables, "shapes", day, 900)[:, cell] = 0

    return edit


FAULTS: dict[str, tuple[Callable[[Town, Tables, float], None], str | None]] = {
    "absolute_error": (moments(absolute=0.3, error2=0.3), None),
    "accuracy": (labels("correct", 0.8), None),
    "auc": (shuffled_scores, None),
    "calibration": (moments(bias=0.15), None),
    "category_drift": (upwards("feature:carrier", 1, 0.5), "carrier"),
    "dictionary_change": (rate("unseen:carrier", 0.9), None),
    "duplicate_rate": (rate("duplicate", 0.1), None),
    "error_rate": (rate("error", 0.1), None),
    "fallback_share": (rate("fallback", 0.2), None),
    "flag_rate": (rate("flag:toxic", 0.2), "toxic"),
    "label_coverage": (labels("labelled", 0.3), None),
    "latency": (slow, None),
    "missing_column": (rate("null:x", 1.0), None),
    "null_rate": (rate("null:x", 0.1), "x"),
    "numeric_drift": (upwards("feature:x", 4, 0.7), "x"),
    "out_of_range": (rate("out:x", 0.1), "x"),
    "score_drift": (upwards("score", 4, 0.7), None),
    "silence": (nothing, None),
    "traffic": (fewer, None),
    "unseen_category": (rate("unseen:tail", 0.1), "tail"),
    "vanished_category": (gone("UA"), None),
}
