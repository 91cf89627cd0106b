"""What the tasks add to a log in the making: targets, answers, and the further columns a world asks for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from fireline.drill.draft import Array, Draft
from fireline.drill.population import Floats, chance
from fireline.drill.prompts import USUAL, texts, topics
from fireline.drill.world import World

ITEMS = 5
CLASSES = ("billing", "delivery", "returns", "other")
LEAN = np.array([-1.2, -0.4, 0.4, 1.2])
LEVEL, STEP, NOISE = 50.0, 10.0, 6.0
ARMS = ("control", "treatment")
TOOLS = ("none", "search", "order_status", "refund", "send_mail")
TOOL_SHARES = (0.55, 0.24, 0.15, 0.04, 0.02)
SCATTER = 0.6


def repeated(world: World, rows: Array) -> Array:
    """One row for each answer: a ranking answers a query with several items."""
    return np.repeat(rows, ITEMS) if world.task == "ranking" else rows


def heard(world: World, column: Array) -> Array:
    """A column of who asks: the same for all items of a query."""
    if world.task != "ranking":
        return column
    return column[np.arange(len(column)) // ITEMS * ITEMS]


def targets(world: World, draft: Draft) -> None:
    """The truth of tasks that are not a yes or no, in ``rows["target"]``."""
    logit = draft.rows["logit"]
    if world.task == "regression":
        noise = chance(world.seed, "target").standard_normal(draft.size)
        draft.rows["target"] = LEVEL + STEP * logit + NOISE * noise
    elif world.task == "multiclass":
        luck = chance(world.seed, "target").gumbel(0, 1, (draft.size, len(CLASSES)))
        draft.rows["target"] = (_leanings(draft, logit) + luck).argmax(axis=1)


def decorate(world: World, draft: Draft, stream: str) -> None:
    """The further columns of the answers, in ``draft.extra``."""
    size, seed = draft.size, world.seed
    if world.task == "llm":
        _say(world, draft, stream)
    if world.embedding:
        topic = draft.extra.get("topic", topics(seed, size, stream))
        centres = chance(seed, "centres").standard_normal((8, world.embedding))
        cloud = chance(seed, stream, "cloud").standard_normal((size, world.embedding))
        draft.extra["embedding"] = (centres[topic] + SCATTER * cloud).astype(np.float32)
    if world.kpi:
        draft.names["arm"] = list(ARMS)
        draft.extra["arm"] = (draft.rows["draw"] * 1009 % 1 < 0.5).astype(np.int64)
        bought = chance(seed, stream, "bought").random(size) < 0.4
        paid = chance(seed, stream, "paid").lognormal(2.5, 0.4, size)
        draft.extra["outcome"] = np.round(np.where(bought, paid, 0.0), 2)
    if world.rungs:
        draft.names["rung"] = ["current", "cached", "rules"]
        draft.extra["rung"] = (chance(seed, stream, "rung").random(size) < 0.003).astype(np.int64) * 2
    if world.ages:
        draft.extra["feature_age_s"] = np.round(chance(seed, stream, "age").lognormal(4.0, 0.6, size), 1)
    if world.hours:
        draft.extra["local_hour"] = np.floor(draft.calendar.hour)


def _say(world: World, draft: Draft, stream: str) -> None:
    size, seed = draft.size, world.seed
    draft.names["tool"] = list(TOOLS)
    luck = chance(seed, stream, "tool").random(size)
    draft.extra["tool"] = np.searchsorted(np.cumsum(TOOL_SHARES[:-1]), luck).astype(np.int64)
    draft.extra["answer_tokens"] = np.round(chance(seed, stream, "tokens").lognormal(4.6, 0.5, size))
    draft.extra["topic"] = topics(seed, size, stream)
    draft.extra["slang"] = np.full(size, USUAL, np.int64)
    draft.extra["words_of"] = draft.rows["id"].copy()


def _leanings(draft: Draft, logit: Floats) -> Array:
    found: Array = (logit - draft.model.intercept)[:, None] * LEAN
    return found


def answer_columns(world: World, draft: Draft, failed: Array) -> dict[str, Any]:
    """The columns of the answer: a score, a number, a class, a rank, or none beside the text."""
    score = draft.rows["score"]
    if world.task == "llm":
        return {}
    if world.task == "regression":
        return {"prediction": pa.array(np.round(LEVEL + STEP * _logit(score), 4), mask=failed)}
    if world.task == "multiclass":
        raw = np.exp(_leanings(draft, _logit(score)))
        shares = raw / raw.sum(axis=1, keepdims=True)
        columns: dict[str, Any] = {
            f"score_{name}": pa.array(np.round(shares[:, i], 6), mask=failed)
            for i, name in enumerate(CLASSES)
        }
        names = np.array(CLASSES, dtype=object)[shares.argmax(axis=1)]
        return columns | {"prediction": pa.array(names, pa.string(), mask=failed)}
    columns = {"score": pa.array(score, mask=failed)}
    if world.task == "ranking":
        return columns | _ranked(draft)
    wanted = 2 * world.base_rate * draft.extra.get("threshold", 1.0)
    return columns | {"prediction": pa.array((score >= wanted).astype(np.int8), mask=failed)}


def _ranked(draft: Draft) -> dict[str, Any]:
    """Query, item and rank: the items of a query by score, best first."""
    query = draft.rows["id"] // ITEMS
    order = np.lexsort((-draft.rows["score"], query))
    starts = np.flatnonzero(np.diff(query[order], prepend=-1))
    place = np.arange(draft.size) - np.repeat(starts, np.diff(starts, append=draft.size))
    rank = np.empty(draft.size, np.int64)
    rank[order] = place + 1
    names = np.char.add("q", query.astype(str)) if draft.size else query.astype(str)
    item = np.char.add("item-", (draft.rows["id"] * 7919 % 500).astype(str))
    return {"query": pa.array(names), "item": pa.array(item), "rank": pa.array(rank)}


def extra_columns(world: World, draft: Draft) -> dict[str, Any]:
    """The further columns, as they are logged."""
    found: dict[str, Any] = {}
    for name, column in draft.extra.items():
        if name in ("topic", "slang", "words_of", "threshold"):
            continue
        if name in draft.names:
            values = np.array([*draft.names[name], None], dtype=object)
            found[name] = pa.array(values[column], pa.string())
        elif column.ndim == 2:
            flat = pa.array(column.reshape(-1))
            found[name] = pa.FixedSizeListArray.from_arrays(flat, column.shape[1])
        else:
            found[name] = pa.array(column, from_pandas=True)
    if world.task == "llm":
        spoken = draft.seen["language"]
        tongues = [draft.names["language"][int(code)] if code >= 0 else "en" for code in spoken]
        words = np.nan_to_num(draft.seen["prompt_tokens"], nan=12.0).astype(np.int64)
        found["prompt"] = texts(
            world.seed, draft.extra["words_of"], words, draft.extra["topic"], tongues, draft.extra["slang"]
        )
    return found


def label_values(world: World, labels: Array) -> pa.Array:
    """Labels as they are logged: 0 or 1, a number, or a class."""
    if world.task == "multiclass":
        return pa.array(np.array(CLASSES, dtype=object)[labels.astype(np.int64)], pa.string())
    return pa.array(np.round(labels, 4) if world.task == "regression" else labels.astype(np.int8))


def _logit(score: Floats) -> Floats:
    found: Floats = np.log(np.clip(score, 1e-9, 1)) - np.log(np.clip(1 - score, 1e-9, 1))
    return found
