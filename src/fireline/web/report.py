"""Draws ``report.html``: one file to read and to send, from the incidents as JSON and nothing else.

Everything in it is inline; it fetches nothing, and its content security policy forbids it to. Every text from
outside is escaped on its way in.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from fireline.clock import iso, parse_time
from fireline.terms import words
from fireline.terms.budget import ErrorBudget
from fireline.web import briefing, chronicle, marks, shapes
from fireline.web.budget_plot import burn_down
from fireline.web.series import Metric, finite, series

Json = Mapping[str, Any]
WIDE, HALF, NARROW = 960, 470, 340
_MOST_ROWS = 14


def render(incidents: Sequence[Json], summary: Json) -> str:
    """The page as HTML.

    ``incidents`` is the list in ``incidents.json``. ``summary`` says what the incidents do not, every part of
    it may be missing: service, purpose, timezone, period [iso, iso], reference [iso, iso], events, shadow,
    labels, late, duplicates, quarantined {reason: rows} or [str], quarantine_examples [BadRow.as_json],
    bad_changes [str], changes [Change.as_json], activity {"t": [iso], "n": [events]}, monitors n or
    {"judged": n, "families": {..}}, budget {"false_pages_per_30d": n}, noticeable [{"monitor", "scope",
    "usual", "smallest", "within"}], budgets [ErrorBudget.as_json], notes [str], command, made_by.
    """
    summary, incidents = briefing.normal(cleaned(summary)), cleaned(incidents)
    zone = zone_of(str(summary.get("timezone") or "UTC"))
    ordered = briefing.ordered(incidents)
    standing = [i for i in ordered if briefing.stands(i)]
    paging = [i for i in standing if briefing.paged(i)]
    text = {name: _text(name) for name in ("report.css", "report.js")}
    page = _environment(zone).get_template("report.html")
    return page.render(
        summary=summary,
        zone=zone.key,
        incidents=[view(incident, summary, zone) for incident in ordered],
        paging=paging,
        tickets=len(standing) - len(paging),
        measured=sum(len(i.get("measures") or ()) for i in ordered),
        headline=_headline(paging, len(standing) - len(paging)),
        strip=_strip(ordered, summary, zone),
        css=Markup(text["report.css"]),
        js=Markup(text["report.js"]),
        js_hash=b64encode(sha256(text["report.js"].encode()).digest()).decode(),
        groups=chronicle.GROUPS,
        budgets=[ErrorBudget.of_json(budget) for budget in summary.get("budgets") or ()],
    )


def write(path: Path, incidents: Sequence[Json], summary: Json) -> Path:
    """Write the page to ``path`` and give it back."""
    beside = path.with_name(path.name + ".part")
    beside.write_text(render(incidents, summary), encoding="utf-8")
    beside.replace(path)
    return path


def cleaned(value: Any) -> Any:
    """``value`` with what turns or hides text in every string (control and direction signs) made visible as
    U+FFFD."""
    if isinstance(value, str):
        return value if value.isprintable() else "".join(_visible(sign) for sign in value)
    if isinstance(value, Mapping):
        return {cleaned(key): cleaned(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [cleaned(one) for one in value]
    return value


def _visible(sign: str) -> str:
    return sign if sign.isprintable() or sign in "\n\t\u00a0\u2009\u202f" else "\ufffd"


def zone_of(name: str) -> ZoneInfo:
    """The zone of this name, UTC where there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def _text(name: str) -> str:
    return (files("fireline.web") / "assets" / name).read_text(encoding="utf-8")


def _headline(paging: Sequence[Json], tickets: int) -> str:
    and_tickets = f"{tickets} ticket{'' if tickets == 1 else 's'}"
    if not paging:
        return f"Nothing paged; {and_tickets} to look at in working hours." if tickets else "Nothing paged."
    worst = min((str(i["severity"]) for i in paging if i.get("severity")), default="")
    count = f"{len(paging)} incident{'' if len(paging) == 1 else 's'} paged" + (
        f", the worst a {worst}" if worst else ""
    )
    return f"{count}; {and_tickets}." if tickets else f"{count}."


def _strip(incidents: Sequence[Json], summary: Json, zone: ZoneInfo) -> dict[str, Any] | None:
    if not summary.get("period"):
        return None
    shown = incidents[:_MOST_ROWS]
    kinds = {kind for incident in shown for kind in marks.marks_of(incident).kinds} - {"change"}
    kinds |= {"change"} if summary.get("changes") else set()
    return {
        "wide": shapes.strip(shown, summary, zone, WIDE),
        "narrow": shapes.strip(shown, summary, zone, NARROW),
        "left_out": len(incidents) - len(shown),
        "kinds": [kind for kind in reversed(marks.ORDER) if kind in kinds],
    }


def view(incident: Json, summary: Json, zone: ZoneInfo, wide: int = WIDE, half: int = HALF) -> dict[str, Any]:
    """One incident with everything the page draws of it; ``wide`` and ``half`` are its drawings' pixels."""
    marked = marks.marks_of(incident, summary.get("changes") or ())
    causes = list(incident.get("causes") or ())
    told, seen = [], set()
    for entry in incident.get("timeline") or ():
        one = chronicle.tell(entry, zone.key)
        told.append((entry, one, one.key in seen))
        seen.add(one.key)
    counted = {group: sum(one.group == group for _, one, _ in told) for group in chronicle.GROUPS}
    return {
        "json": incident,
        "paged": briefing.paged(incident) and briefing.stands(incident),
        "kind": "page" if briefing.paged(incident) else "ticket",
        "answers": briefing.brief(incident, zone.key),
        "exhibits": [
            _exhibit(exhibit, marked, zone, wide, half) for exhibit in incident.get("evidence") or ()
        ],
        "suspects": [cause for cause in causes if not cause.get("rejected")],
        "rejected": [cause for cause in causes if cause.get("rejected")],
        "told": told,
        "repeats": sum(again for _, _, again in told),
        "alerts": _alerts(incident.get("alerts") or ()),
        "counted": {group: count for group, count in counted.items() if count},
        "diff": _diff(str((incident.get("review") or {}).get("guardrails") or "")),
    }


def _alerts(alerts: Sequence[Json]) -> list[dict[str, Any]]:
    """One row for each monitor, feature, scope and urgency: its first alert, and how often it fired."""
    found = []
    for first in marks.firsts(alerts):
        name, urgency = marks.alert_name(first), first.get("urgency")
        times = sum(marks.alert_name(a) == name and a.get("urgency") == urgency for a in alerts)
        found.append({"first": first, "times": times})
    return sorted(found, key=lambda row: row["first"].get("urgency") != "page")


def _exhibit(exhibit: Json, marked: marks.Marks, zone: ZoneInfo, wide: int, half: int) -> dict[str, Any]:
    kind, data = exhibit.get("kind"), exhibit.get("data") or {}
    title, because = str(exhibit.get("title") or kind), str(exhibit.get("because") or "")
    view: dict[str, Any] = {"kind": kind, "title": title, "because": because, "data": data}
    label = f"{title}. {because}"
    if kind == "metric":
        view["charts"] = _charts(Metric.of(data), marked, zone, label, wide)
        view["numbers"] = _numbers(data, zone)
        view["days"] = _days(data, zone)
        view["kinds"] = marked.kinds
        view["onset"] = marked.onset is not None
        view["band"] = bool(data.get("low")) and bool(data.get("high"))
    elif kind == "histogram":
        view["wide"] = shapes.histogram(data, half, label)
        view["narrow"] = shapes.histogram(data, NARROW, label)
    elif kind == "slices":
        lifts = [abs(finite(row.get("lift")) or 0.0) for row in data.get("rows") or ()]
        view["most"] = max([*lifts, 1e-12])
    elif kind not in ("versions", "table", "note"):
        view["raw"] = json.dumps(data, indent=1, default=str)[:5000]
    return view


def _charts(
    metric: Metric, marked: marks.Marks, zone: ZoneInfo, label: str, wide: int
) -> list[dict[str, Any]]:
    """The whole series, and the hours around the onset by themselves where they would be a sliver of it."""
    found = [("", metric)]
    window = marked.window()
    if window is not None and metric.at:
        near = metric.between(*window)
        if len(near.at) >= 8 and 4 * (near.at[-1] - near.at[0]) < metric.at[-1] - metric.at[0]:
            found.append(("Around the onset", near))
    return [
        {"name": name, "wide": series(part, marked, zone, wide, f"{label} {name}"),
         "narrow": series(part, marked, zone, NARROW, f"{label} {name}")}
        for name, part in found
    ]  # fmt: skip


def _numbers(data: Json, zone: ZoneInfo) -> Markup:
    """The metric's numbers for the tooltip, as JSON that cannot end the element it stands in."""
    at = [parse_time(text) for text in data.get("t") or ()]
    body = {
        "t": [round(when.timestamp()) for when in at],
        "local": [
            f"{when.astimezone(zone):%a} {_day(when, zone)} {when.astimezone(zone):%H:%M}" for when in at
        ],
        "unit": data.get("unit") or "",
        **{
            name: [finite(value) for value in data.get(name) or ()]
            for name in ("seen", "usual", "low", "high", "n")
        },
    }
    text = json.dumps(body, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)


def _day(at: Any, zone: ZoneInfo) -> str:
    local = at.astimezone(zone)
    return f"{local.day} {local:%b}"


def _days(
    data: Json, zone: ZoneInfo
) -> list[tuple[str, int, float | None, float | None, float | None, float | None]]:
    """Per local day: events, mean, least and most seen, mean usual: the chart for who cannot see it."""
    rows: dict[str, list[tuple[float | None, float | None, float | None]]] = {}

    def column(name: str) -> list[float | None]:
        return [finite(value) for value in data.get(name) or ()]

    seen, usual, n = column("seen"), column("usual"), column("n")
    for index, text in enumerate(data.get("t") or ()):
        values = tuple(c[index] if index < len(c) else None for c in (seen, usual, n))
        rows.setdefault(_day(parse_time(text), zone), []).append((values[0], values[1], values[2]))
    found = []
    for day, ticks in rows.items():
        heard = [(s, c if c else 1e-9) for s, _, c in ticks if s is not None]
        base = [u for _, u, _ in ticks if u is not None]
        mean = sum(s * c for s, c in heard) / sum(c for _, c in heard) if heard else None
        values_seen = [s for s, _ in heard]
        found.append((day, round(sum(c or 0 for _, _, c in ticks)), mean, min(values_seen, default=None),
                      max(values_seen, default=None), sum(base) / len(base) if base else None))  # fmt: skip
    return found


def _diff(text: str) -> list[tuple[str, str]]:
    """The lines of a diff with their class."""
    kinds = {"+": "added", "-": "removed", "@": "hunk"}
    return [(kinds.get(line[:1], ""), line) for line in text.splitlines()]


@lru_cache(maxsize=16)
def _environment(zone: ZoneInfo) -> Environment:
    """The report's own, whose templates are compiled once: others add to theirs."""
    return environment(zone)


def environment(zone: ZoneInfo) -> Environment:
    """The templates with their filters, telling times on the clocks of ``zone``; everything is escaped."""
    env = Environment(
        loader=PackageLoader("fireline.web"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )

    def when(text: str | None) -> Markup:
        if not text:
            return Markup("–")
        at = parse_time(text)
        return Markup('<time datetime="{}" title="{}">{}</time>').format(
            iso(at), f"{iso(at)} (UTC)", words.day_time(at, zone.key)
        )

    def amount(value: Any, unit: str = "") -> str:
        number = finite(value)
        return "–" if number is None else words.figure(number, unit.lower(), unit)

    def plain(value: Any, name: str = "") -> str:
        number = finite(value)
        if number is not None and {"rate", "share"} & set(name.split()) and abs(number) <= 1:
            return words.share(number)
        if isinstance(value, bool) or value is None:
            return {True: "yes", False: "no", None: "–"}[value]
        if number is None:
            return str(value)
        return f"{number:,.0f}" if number == int(number) and abs(number) < 1e15 else f"{number:,.4g}"

    def ended(text: Any) -> str:
        says = str(text).strip()
        return says if says.endswith((".", "!", "?")) else f"{says}."

    def address(link: Any) -> str:
        return str(link) if str(link).lower().startswith(("https://", "http://")) else ""

    env.filters.update(
        when=when, amount=amount, plain=plain, ended=ended, address=address,
        share=words.share, sentence=briefing.sentence,
        clock=lambda text: words.clock_time(parse_time(text), zone.key),
        date=lambda text: words.day_time(parse_time(text), zone.key).split(",")[0],
        family=words.family, alert_name=marks.alert_name, change_name=marks.change_name,
        measure_name=marks.measure_name, cause_word=briefing.cause_word, slice_word=briefing.slice_word,
        figure_of=briefing.figure_of,
    )  # fmt: skip
    env.globals["burn_down"] = lambda budget: burn_down(budget, zone)
    env.globals["symbol"] = lambda kind: Markup(
        '<svg class="key" viewBox="-8 -8 16 16" aria-hidden="true">{}</svg>'
    ).format(marks.symbol(kind, 0, 0))
    return env
