"""Writing a runbook as YAML that teaches: every section with the question it answers, in a person's layout.

What is written reads back equal; fields at their default are left out unless a reader must see them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from fireline.runbook.problem import Key
from fireline.runbook.schema import Runbook

Notes = Mapping[Key, str]
WIDTH = 100
_PLAIN = re.compile(r"^[A-Za-z_/][A-Za-z0-9_./%+<>=()'-]*(?:[ ,;:]*[A-Za-z0-9_./%+<>=()'-]+)*$")
_TIME = re.compile(r"^\d{4}-\d\d-\d\dT[\d:.]+Z$")
_LENGTH = re.compile(r"^\d+(\.\d+)?[smhdw]$")
_WORDS = frozenset(("null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan", "inf"))
ALWAYS = {
    "decisions": ("authority",),
    "ladder": (),
    "severity": ("when",),
    "labels": ("usual_share",),
}
"""Fields of list items and parts that are written even at their default."""

SECTIONS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("fireline", "service"), ""),
    (("purpose",), "What is it for? One sentence for somebody who has never seen it."),
    (("timezone",), "Where does its users' day begin and end? The daily rhythm is learnt in this zone."),
    (("task",), ""),
    (
        ("ownership",),
        "Whose is it, and who is called at 3 a.m.? Roles: incident commander, ops, ML owner, comms.",
    ),
    (
        ("exposure",),
        "Who is hurt when it is wrong, and how badly? harm: low | medium | high; reversible: can it be "
        "undone?\n"
        "autonomy: advises (a person decides) | supervised (a person can step in) | alone (nobody looks).",
    ),
    (
        ("columns",),
        "Which column of the log plays which part? A feature must be known when the request is answered:\n"
        "strike out whatever is only known afterwards. Segments are watched value by value.",
    ),
    (("labels",), "When is the truth known well enough to judge quality?"),
    (("reference",), "Which stretch of past is called normal? Nothing known to be broken may lie in it."),
    (("training",), "What was the model trained on? Live inputs are compared with it."),
    (
        ("allowed_lateness", "clock_skew", "dedup_horizon"),
        "How late may a row come and still be judged; how far may its clock be ahead; how long are ids "
        "remembered?",
    ),
    (
        ("false_pages_per_30d", "budget"),
        "How many false pages in 30 days does the team accept? This is the detector's only knob.",
    ),
    (("scorers",), "How well do the scorers behind the flags judge? Their rates are corrected by it."),
    (("monitors", "silences"), "Monitors are inferred from the columns. List here only what differs."),
    (("slos",), "What is promised? Severity follows the burn rate of these budgets."),
    (("severity",), "How bad is it? The first line that holds decides; when unsure, the higher."),
    (
        ("decisions",),
        "What is done about it? The first row that fits and can be done decides. authority: observe (only "
        "say\n"
        "what would have been done) | ask (a person; `unanswered: do | leave` after `answer_within`) | auto.",
    ),
    (
        ("ladder",),
        "What answers when the model must not? Best first. kind: current | last_known_good | reduced | "
        "cached |\n"
        "rules | closed (refuse) | open (let pass). Only rungs that are tried out regularly count.",
    ),
    (("last_known_good",), "Which version do we go back to, and how do we know that it is good?"),
    (("watch",), "How long must all be quiet before an incident is resolved?"),
    (("retraining",), "How often is the model retrained? A length of time such as 30d, or a word."),
    (("comms",), "Who is told, where, and how often?"),
    (("sources",), "Where does the server fetch rows itself?"),
)


EXAMPLES: dict[Key, tuple[str, ...]] = {
    ("ownership", "contacts"): (
        "- {name: Ada Lovelace, role: incident commander, reach: +1 555 0100}",
        "- {name: Grace Hopper, role: ML owner, reach: +1 555 0101}",
    ),
    ("monitors",): (
        "- {monitor: drift, feature: NAME, tolerance: 0.2, because: ...}    # less sensitive",
        "- {monitor: drift, threshold: 0.2, statistic: psi, because: ...}   # a fixed threshold",
        "- {monitor: traffic, off: true, until: 2030-01-31, because: ...}   # off, until then",
    ),
}
"""What an empty list could hold; the `#` in front is all that has to go."""


def write(runbook: Runbook, notes: Notes | None = None, head: str = "") -> str:
    """``runbook`` as YAML with ``notes`` beside their keys and ``head`` as the opening comment."""
    plain = _pruned(runbook)
    blocks = [_comment(head)] if head else []
    for names, question in SECTIONS:
        lines = [
            line for name in names if name in plain for line in _field((name,), plain[name], 0, notes or {})
        ]
        if lines:
            blocks.append("\n".join(([_comment(question)] if question else []) + lines))
    return "\n\n".join(blocks) + "\n"


def _pruned(runbook: Runbook) -> dict[str, Any]:
    """All top-level fields; below them only what differs from the default, and what ALWAYS names."""
    full, short = runbook.plain(), runbook.model_dump(mode="json", exclude_defaults=True)
    found: dict[str, Any] = {}
    for name, value in full.items():
        if name in ("columns", "labels", "reference", "last_known_good"):
            value = short.get(name)
        elif isinstance(value, list):
            value = [_item(name, *pair) for pair in zip(value, short.get(name, []), strict=True)]
        if value is not None:
            found[name] = value
    if "labels" in found:
        found["labels"] = {k: v for k, v in full["labels"].items() if v is not None}
    for name in ("silences", "sources", "scorers"):
        if not found[name]:
            del found[name]
    tidy: dict[str, Any] = _tidy(found)
    return tidy


def _tidy(value: Any) -> Any:
    """Whole numbers without a fraction; free parameters stay as they are, since nothing else knows their
    type."""
    if isinstance(value, dict):
        return {key: one if key == "params" else _tidy(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_tidy(one) for one in value]
    whole = isinstance(value, float) and abs(value) < 1e9 and value == int(value)
    return int(value) if whole else value


def _item(name: str, full: dict[str, Any], short: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in full.items() if key in short or key in ALWAYS.get(name, ())}


def _comment(text: str) -> str:
    return "\n".join(f"# {line}".rstrip() for line in text.splitlines())


def _field(key: Key, value: Any, indent: int, notes: Notes) -> Iterator[str]:
    """``key: value`` in as many lines as it takes."""
    pad, name = " " * indent, quote(str(key[-1]))
    note = f"  # {notes[key]}" if notes.get(key) else ""
    if isinstance(value, dict) and value and not _is_short(key, value):
        yield f"{pad}{name}:{note}"
        for below, one in value.items():
            yield from _field((*key, below), one, indent + 2, notes)
    elif isinstance(value, list) and any(isinstance(one, dict) for one in value):
        yield f"{pad}{name}:{note}"
        for at, one in enumerate(value):
            yield from _entry((*key, at), one, indent + 2, notes)
    elif value == [] and key in EXAMPLES:
        yield f"{pad}{name}:{note}"
        yield from (f"{pad}  # {line}" for line in EXAMPLES[key])
    elif isinstance(value, list) and any((*key, at) in notes for at in range(len(value))):
        yield f"{pad}{name}:{note}"
        for at, one in enumerate(value):
            beside = f"  # {notes[*key, at]}" if (*key, at) in notes else ""
            yield f"{pad}  - {flow(one, inside=False)}{beside}"
    else:
        yield from _wrapped(f"{pad}{name}: ", value, note, indent)


def _entry(key: Key, value: dict[str, Any], indent: int, notes: Notes) -> Iterator[str]:
    """One item of a list: on one line where it fits, else one line a key."""
    line = f"{' ' * indent}- {flow(value)}"
    if len(line) <= WIDTH and "because" not in value:
        yield line
        return
    lead = "- "
    for name, one in value.items():
        for line in _field((*key, name), one, indent + 2, notes):
            yield line if lead == "  " else f"{' ' * indent}{lead}{line[indent + 2 :]}"
            lead = "  "


def _is_short(key: Key, value: dict[str, Any]) -> bool:
    """Whether a mapping reads better on one line."""
    if key[0] in ("columns", "ownership", "exposure", "comms") and len(key) == 1:
        return False
    if key in (("labels",), ("reference",), ("last_known_good",), ("columns", "features")):
        return False
    return len(flow(value)) <= WIDTH - 20


def _wrapped(start: str, value: Any, note: str, indent: int) -> Iterator[str]:
    """A scalar or a list on one line; a long list over several."""
    line = start + flow(value, inside=False)
    if isinstance(value, list) and len(line) > WIDTH:
        line, pad = start + "[", " " * (indent + 2)
        yield line + note
        line = pad
        for one in value:
            text = flow(one) + ", "
            if len(line) + len(text) > WIDTH and line.strip():
                yield line.rstrip()
                line = pad
            line += text
        yield line.rstrip().rstrip(",")
        yield " " * indent + "]"
    else:
        yield line + note


def flow(value: Any, inside: bool = True) -> str:
    """``value`` in YAML's one-line form; ``inside`` brackets or braces fewer texts may go without quotes."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{quote(str(k))}: {flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(flow(one) for one in value) + "]"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    return quote(str(value), inside)


def quote(text: str, inside: bool = True) -> str:
    """``text`` as a YAML scalar, in quotes only where it needs them.

    >>> quote("America/New_York"), quote("no"), quote("a: b")
    ('America/New_York', '"no"', '"a: b"')
    """
    if _TIME.match(text) or _LENGTH.match(text):
        return text
    plain = _PLAIN.match(text) and text.lower() not in _WORDS and text.isascii()
    if plain and ": " not in text and not text.endswith(":") and not (inside and set(",:") & set(text)):
        return text
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    if char == " " or (char.isprintable() and char != "\ufeff"):
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65_536 else f"\\U{code:08x}"
