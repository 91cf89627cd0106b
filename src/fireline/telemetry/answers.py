"""Labels and predictions: numbers or classes, decided once for a whole log."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fireline.runbook.schema import Task
from fireline.telemetry.casts import Array, plain, to_number, to_text, to_truth, valid

AnswerForm = Literal["number", "text"]


def tells(task: str) -> str:
    """What a label of ``task`` looks like, for a message."""
    words = {"binary": "0 or 1, or name the positive class in labels.positive", "multiclass": "the class"}
    return words.get(task, "a number")


@dataclass
class Answers:
    """In which form labels and predictions are kept: float64 or string.

    Where the task does not say, the first values met decide by majority: numbers and truth values are
    numbers, all else is text.
    """

    forms: dict[str, AnswerForm] = field(default_factory=dict)

    @classmethod
    def of(cls, task: Task, positive: str | None) -> Answers:
        """The forms that ``task`` and the ``positive`` label imply."""
        if task == "multiclass" or (task == "binary" and positive is not None and not _is_number(positive)):
            return cls({"label": "text", "prediction": "text"})
        if task == "regression":
            return cls({"label": "number", "prediction": "number"})
        return cls({"label": "number"} if task in ("binary", "ranking") else {})

    def form(self, what: str, column: Any) -> AnswerForm:
        """The form of ``what`` (label or prediction), decided by ``column`` where it is still open."""
        if what not in self.forms:
            values = plain(column)
            there = int(valid(values).sum())
            if not there:
                return "number"
            self.forms[what] = "text" if 2 * int(_number(values)[1].sum()) > there else "number"
        return self.forms[what]

    def label(self, column: Any) -> tuple[pa.Array, Array]:
        """Labels [n] in their form, and which of them are no labels."""
        if self.form("label", column) == "text":
            cast = to_text(column)
            return cast.values, cast.bad
        return _number(plain(column))

    def settle(self, table: pa.Table) -> pa.Table:
        """``table`` with label and prediction of the form decided, where a piece held none."""
        for what in ("label", "prediction"):
            if what in table.column_names:
                kind = pa.string() if self.forms.get(what) == "text" else pa.float64()
                at = table.column_names.index(what)
                if table.schema.field(at).type != kind:
                    table = table.set_column(at, what, table.column(at).cast(kind))
        return table


def _number(values: pa.Array) -> tuple[pa.Array, Array]:
    """As numbers, words such as true and no being 1 and 0; and which will not go."""
    cast = to_number(values)
    if not cast.bad.any():
        return cast.values, cast.bad
    truth = to_truth(values)
    worded = cast.bad & ~truth.bad
    numbers = pc.if_else(pa.array(worded), truth.values.cast(pa.int8()).cast(pa.float64()), cast.values)
    return numbers, np.asarray(cast.bad & truth.bad)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
