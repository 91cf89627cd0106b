"""What kind of task a log's answers and labels belong to."""

from __future__ import annotations

import pyarrow as pa

from fireline.runbook.looks import Look, look_at
from fireline.runbook.schema import Columns, Task
from fireline.runbook.spoken import ANSWER_WORDS, TOKEN_WORDS

PROSE = 30
FEW_CLASSES = 30


def infer_task(table: pa.Table, columns: Columns, labels: pa.Table | None = None) -> tuple[Task, str]:
    """What kind of task the log's answers and labels belong to, and the sentence why."""
    looks = look_at(table.select([n for n in columns.roles().values() if n in table.column_names]))
    if columns.rank and (columns.query or columns.item):
        return "ranking", f"`{columns.rank}` is a position in a list"
    if len(columns.class_scores) > 2:
        return "multiclass", f"{len(columns.class_scores)} classes have a score each"
    prose = _answers_in_prose(columns)
    if prose and columns.score is None and columns.prediction is None:
        return "llm", f"the answers (`{prose}`) are free text"
    if columns.score is None and columns.prediction is None and _by_traces(columns)[0] == "llm":
        return _by_traces(columns)  # its labels say which answers were liked, and are no answers
    source = labels if labels is not None and columns.label in labels.column_names else table
    prediction = looks.get(columns.prediction or "")
    if columns.label is not None and columns.label in source.column_names:
        label = look_at(source.select([columns.label]))[columns.label]
        if label.distinct:
            return _task_of(label, "label", prediction)
    if prediction is not None and prediction.kind == "text" and prediction.length > PROSE:
        return "llm", "the answers are free text"
    if columns.score and looks[columns.score].is_share and (prediction is None or prediction.distinct <= 2):
        return "binary", f"`{columns.score}` lies between 0 and 1"
    if prediction is not None and prediction.distinct > 1:
        return _task_of(prediction, "prediction", prediction)
    if columns.score and looks[columns.score].is_share:
        return "binary", f"`{columns.score}` lies between 0 and 1"
    return _by_traces(columns)


def _by_traces(columns: Columns) -> tuple[Task, str]:
    """Without labels and answers: what goes with them."""
    if {"refusal", "refused", "toxic", "jailbreak", "injection"} & {
        w for f in columns.flags for w in f.split("_")
    }:
        return "llm", "answers are flagged as a language model's are"
    tokens = [
        name for name in columns.features if TOKEN_WORDS & set(name.lower().replace(".", "_").split("_"))
    ]
    if tokens and columns.texts:
        return "llm", f"`{tokens[0]}` counts tokens, and `{columns.texts[0]}` is free text"
    return "unknown", "neither labels nor answers tell"


def _answers_in_prose(columns: Columns) -> str:
    words = {name: set(Look(name, "text", 0, 0, 0).words) for name in columns.texts}
    return next((name for name, parts in words.items() if parts & ANSWER_WORDS), "")


def _task_of(look: Look, role: str, prediction: Look | None) -> tuple[Task, str]:
    if look.distinct <= 2:
        return (
            "binary",
            f"the {role} has {look.distinct} value{'s' if look.distinct > 1 else ''}: "
            f"{', '.join(look.values)}",
        )
    if look.kind == "number" or (look.kind == "integer" and look.distinct > FEW_CLASSES):
        return "regression", f"the {role} is a number, {look.describe()}"
    if look.numeric and prediction is not None and prediction.kind == "number" and not prediction.is_share:
        return "regression", f"the {role} is a number and so is the prediction, {prediction.describe()}"
    if look.length > PROSE:
        return "llm", f"the {role} is free text"
    return "multiclass", f"the {role} has {look.distinct} values"
