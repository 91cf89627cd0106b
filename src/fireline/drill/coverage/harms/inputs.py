"""What goes wrong with the inputs of a model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa

from fireline.drill.coverage.harm import Array, Harm, Scene, number, put
from fireline.drill.coverage.judging import Copy
from fireline.telemetry.columns import codes, times
from fireline.telemetry.unmapped import UNMAPPED

GROUP = "Inputs"
NO_NUMBER = "columns.features: name a numeric input"
NO_WORD = "columns.features: name a categorical input"


def _number(scene: Scene) -> str:
    return scene.numeric[0] if scene.numeric else ""


def _skewed(scene: Scene) -> str:
    """The first numeric feature that is never negative and hardly ever zero."""
    for name in scene.numeric:
        seen = number(scene, name)
        seen = seen[np.isfinite(seen)]
        if len(seen) and seen.min() >= 0 and (seen == 0).mean() < 0.2:
            return name
    return ""


def _word(scene: Scene) -> str:
    return scene.categorical[0] if scene.categorical else ""


def _any(scene: Scene) -> str:
    return _number(scene) or _word(scene)


def _blank(scene: Scene, name: str, rows: Array) -> Copy:
    kind = scene.copy.events.schema.field(name).type
    return put(scene.copy, name, pa.nulls(len(rows), kind), rows)


def _nulls(scene: Scene, share: float) -> Copy:
    return _blank(scene, _any(scene), scene.some(share))


def _blip(scene: Scene, share: float) -> Copy:
    return _blank(scene, _any(scene), scene.some(share, scene.first(2)))


def _gone(scene: Scene, columns: float) -> Copy:
    inputs = sorted(scene.plan.features, key=lambda name: name in scene.plan.segments)
    for name in inputs[: int(columns)]:
        scene = replace(scene, copy=_blank(scene, name, scene.live))
    return scene.copy


def _unit(scene: Scene, factor: float) -> Copy:
    name = _skewed(scene)
    return put(scene.copy, name, number(scene, name) * factor, scene.live)


def _rounded(scene: Scene, digits: float) -> Copy:
    name = _skewed(scene)
    exact = number(scene, name)
    with np.errstate(divide="ignore", invalid="ignore"):
        step = 10.0 ** (np.floor(np.log10(np.abs(exact))) - (digits - 1))
        round_ = np.where((exact == 0) | ~np.isfinite(step), exact, np.round(exact / step) * step)
    return put(scene.copy, name, round_, scene.live)


def _stuck(scene: Scene, share: float) -> Copy:
    return _frozen(scene, scene.some(share))


def _freeze(scene: Scene, minutes: float) -> Copy:
    return _frozen(scene, scene.first(minutes) & scene.live)


def _frozen(scene: Scene, rows: Array) -> Copy:
    name = _number(scene)
    return put(scene.copy, name, np.full(len(rows), np.nanmedian(number(scene, name))), rows)


def _moved(scene: Scene, by: float) -> Copy:
    name = _number(scene)
    return put(scene.copy, name, _away(scene, name, by), scene.live)


def _away(scene: Scene, name: str, by: Array | float) -> Array:
    """An input moved by so many spreads (half of what holds the middle two thirds of it). One of whole
    numbers stays so: some of its values move by one more than others."""
    seen = number(scene, name)
    low, high = np.nanquantile(seen, [0.16, 0.84])
    step = np.broadcast_to(by * ((high - low) / 2 or float(np.nanstd(seen))), seen.shape)
    if np.nanmax(np.abs(seen - np.round(seen)), initial=0.0) > 0:
        return np.asarray(seen + step)
    return np.asarray(seen + np.floor(step + scene.rng.random(len(seen))))


def _drift(scene: Scene, by: float) -> Copy:
    """Half of the numeric inputs move, more and more over the window."""
    copy = scene.copy
    climbed = (times(scene.copy.events) - scene.onset) / (scene.until - scene.onset)
    for place, name in enumerate(scene.numeric[: (len(scene.numeric) + 1) // 2]):
        copy = put(copy, name, _away(scene, name, (-1) ** place * by * climbed), scene.live)
    return copy


def _renamed(scene: Scene, share: float) -> Copy:
    name = _word(scene)
    found, values = codes(scene.copy.events, name)
    commonest = int(np.bincount(found[found >= 0], minlength=len(values)).argmax())
    return _named(scene, name, scene.some(share, found == commonest), f"{values[commonest]}_v2")


def _folded(scene: Scene, share: float) -> Copy:
    """Rare values, together less than a ``share`` of the rows, are called by the next one's name."""
    name = _word(scene)
    found, values = codes(scene.copy.events, name)
    counts = np.bincount(found[found >= 0], minlength=len(values))
    order = np.argsort(counts, kind="stable")
    rare = order[np.cumsum(counts[order]) <= share * counts.sum()]
    heir = values[order[min(len(rare), len(order) - 1)]]
    return _named(scene, name, np.isin(found, rare) & scene.live, heir)


def _named(scene: Scene, name: str, rows: Array, value: str) -> Copy:
    return put(scene.copy, name, pa.array([value] * len(rows)), rows)


def _appeared(scene: Scene, share: float) -> Copy:
    return _brought(scene, scene.some(share))


def _brought(scene: Scene, rows: Array) -> Copy:
    """A column that the reference cannot have carried comes with ``rows``."""
    return put(scene.copy, UNMAPPED, pa.array(['["a column of a harm"]'] * len(rows)), rows)


HARMS = (
    Harm(
        name="null jump", group=GROUP, says="an input is missing in a share of the rows",
        sizes=(0.05, 0.2, 0.7), unit="of the rows", change=_nulls,
        twin="a two-minute gap in a tenth of the rows", calm=lambda s, _: _blip(s, 0.1),
        fits=lambda s: bool(_any(s)), lacks="columns.features: name the inputs", target=_any,
    ),
    Harm(
        name="column gone", group=GROUP, says="inputs are missing altogether", sizes=(1, 2, 4),
        unit="columns", change=_gone, twin="a two-minute gap in a fifth of the rows",
        calm=lambda s, _: _blip(s, 0.2), fits=lambda s: bool(_any(s)),
        lacks="columns.features: name the inputs",
    ),
    Harm(
        name="new column", group=GROUP, says="a column comes that nobody mapped", sizes=(0.02, 0.3, 1.0),
        unit="of the rows", change=_appeared, twin="for two minutes",
        calm=lambda s, _: _brought(s, s.first(2) & s.live),
        fits=lambda s: bool(s.plan.layout("new_columns").series),
        lacks="a baseline taken by this version: take a new one",
    ),
    Harm(
        name="unit change", group=GROUP, says="an input comes in another unit", sizes=(1.609, 10, 1000),
        unit="times", change=_unit, twin="rounded to three digits", calm=lambda s, _: _rounded(s, 3),
        fits=lambda s: bool(_skewed(s)), lacks=NO_NUMBER + " that is never negative", target=_skewed,
    ),
    Harm(
        name="stuck feature", group=GROUP, says="an input repeats one value", sizes=(0.1, 0.4, 1.0),
        unit="of the rows", change=_stuck, twin="frozen for three minutes", calm=lambda s, _: _freeze(s, 3),
        fits=lambda s: bool(_number(s)), lacks=NO_NUMBER, target=_number,
    ),
    Harm(
        name="shifted input", group=GROUP, says="an input moves at once", sizes=(0.25, 0.6, 1.5),
        unit="spreads", change=_moved, twin="moved by a fiftieth of its spread",
        calm=lambda s, _: _moved(s, 0.02),
        fits=lambda s: bool(_number(s)), lacks=NO_NUMBER, target=_number,
    ),
    Harm(
        name="slow drift", group=GROUP, says="half of the numeric inputs drift apart over the window",
        sizes=(0.25, 0.6, 1.5), unit="spreads at its end", change=_drift, twin="a tenth of the small one",
        calm=lambda s, _: _drift(s, 0.025), fits=lambda s: len(s.numeric) > 0, lacks=NO_NUMBER,
    ),
    Harm(
        name="category change", group=GROUP, says="the commonest value of a category gets another name",
        sizes=(0.05, 0.3, 1.0), unit="of its rows", change=_renamed,
        twin="its rarest values, half a per cent, folded into the next", calm=lambda s, _: _folded(s, 0.005),
        fits=lambda s: bool(_word(s)), lacks=NO_WORD, target=_word,
    ),
)  # fmt: skip
