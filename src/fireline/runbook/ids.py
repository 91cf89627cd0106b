"""A request id under a name of its own: guessed from what its name speaks of and from what its values do.

A wrong one costs requests: a second event with the id of an earlier one counts as its copy. That every value
of a sample differs proves little: a customer who comes twice a day is there once in every thousandth row.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fireline.runbook.looks import NO_TIME, Look, instants
from fireline.runbook.names import ID_WORDS
from fireline.runbook.sorting import Sorting
from fireline.runbook.spoken import NUMBER_WORDS

UNIQUE = 0.999
ENDS = (ID_WORDS - {"index", "idx", "hash", "token"}) | NUMBER_WORDS
WHOSE = frozenset((
    "user", "customer", "client", "account", "member", "person", "visitor", "subscriber", "employee",
    "patient", "player", "student", "owner", "buyer", "seller", "merchant", "vendor", "supplier", "partner",
    "tenant", "company", "organisation", "organization", "org", "team", "agent", "session", "conversation",
    "thread", "cookie", "device", "phone", "card", "iban", "vehicle", "car", "machine", "host", "node", "pod",
    "sensor", "camera", "store", "shop", "branch", "site", "location", "address", "product", "item", "sku",
    "article", "listing", "property", "model", "campaign", "household", "kunde", "kunden", "nutzer",
    "konto", "karte", "geraet", "artikel", "produkt", "filiale", "client", "utilisateur", "compte", "carte",
    "produit", "driver", "benutzer", "cliente", "usuario", "cuenta", "producto",
))  # fmt: skip
"""What comes again: an id of one of these is of who or what a request is about."""
ASKED = frozenset((
    "request", "req", "prediction", "inference", "call", "event", "transaction", "txn", "order", "booking",
    "reservation", "application", "claim", "payment", "invoice", "ticket", "query", "message", "completion",
    "response", "record", "row", "case", "image", "document", "decision", "quote", "offer", "trip", "ride",
    "anfrage", "vorgang", "auftrag", "bestellung", "buchung", "beleg", "antrag", "zahlung", "rechnung",
    "demande", "commande", "dossier", "solicitud", "pedido",
))  # fmt: skip
"""What is made anew for each request, or nearly."""
LONG_RANDOM = (
    r"^(?:[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}|[0-9a-fA-F]{20,}|[0-9A-HJKMNP-TV-Z]{26})$"
)
"""UUIDs, long hexadecimal numbers, ULIDs."""
GROWS = 0.999
"""The rank correlation with time from which numbers count up with the requests."""
FEWEST = 30


def guess_request_id(sorting: Sorting, table: pa.Table, consecutive: pa.Table | None = None) -> None:
    """Take the request's id where one column is like one, and say why; leave a note where one only seems so.

    ``table`` is the sample; ``consecutive`` are rows of the log that follow each other, where the sample is
    thinned.
    """
    if "request_id" in sorting.taken:
        return
    found: list[tuple[Look, str]] = []
    for look in sorting.left():
        if not _differs(look) or not ENDS.intersection(look.words[-1:]):
            continue
        again = _comes_again(look, consecutive)
        why = "" if again else _why(look, table, sorting.taken.get("time", ""))
        if why:
            found.append((look, why))
        else:
            seems = "its values come again in consecutive rows" if again else _seems(look)
            sorting.notes.setdefault(
                look.name,
                f"an id, but {seems}: not taken for the request's own; if every request has another, say "
                f"--column request_id={look.name}",
            )
    if len(found) == 1:
        look, why = found[0]
        differ = f"every value differs among {look.rows:,} rows"
        if consecutive is not None and look.name in consecutive.column_names:
            differ += f", {len(consecutive):,} consecutive ones too"
        sorting.take("request_id", look, f"a guess: {why}, and {differ}; a copy is told by it, so make sure")


def _differs(look: Look) -> bool:
    return (
        look.kind in ("text", "integer") and look.known == look.rows and look.distinct >= UNIQUE * look.rows
    )


def _comes_again(look: Look, consecutive: pa.Table | None) -> bool:
    if consecutive is None or look.name not in consecutive.column_names:
        return False
    column = consecutive.column(look.name)
    return bool(pc.count_distinct(column).as_py() < UNIQUE * (len(column) - column.null_count))


def _why(look: Look, table: pa.Table, time: str) -> str:
    """What speaks for a request's own id, besides that its values differ; nothing where nothing does."""
    words = set(look.words[:-1])
    if words & WHOSE:
        return ""
    asked = [word for word in look.words[:-1] if word in ASKED]
    if asked:
        return f"its name is that of a {asked[-1]}'s id"
    column = table.column(look.name)
    if look.kind == "text" and _share(pc.match_substring_regex(column, LONG_RANDOM)) >= UNIQUE:
        return "its values are random and long, as one makes them anew for each row"
    if _counts_up(column, table, time):
        return "its name is that of an id, its numbers count up with time"
    return ""


def _seems(look: Look) -> str:
    whose = [word for word in look.words[:-1] if word in WHOSE]
    if whose:
        return f"of a {whose[-1]}, who may come again where this sample does not show it"
    return "nothing but a sample in which every value differs says whose"


def _share(said: pa.ChunkedArray) -> float:
    return float(pc.mean(pc.cast(said, pa.float64())).as_py() or 0.0)


def _counts_up(column: pa.ChunkedArray, table: pa.Table, time: str) -> bool:
    """Whether the numbers at the end of the ids grow with the rows' times."""
    if time not in table.column_names or len(column) < FEWEST:
        return False
    if not pa.types.is_integer(column.type):
        digits = pc.struct_field(pc.extract_regex(column.cast(pa.string()), r"(?P<n>\d{1,18})\D*$"), "n")
        if digits.null_count:
            return False
        column = digits.cast(pa.int64())
    at = instants(table.column(time))
    known = at != NO_TIME
    order = np.argsort(at[known], kind="stable")
    ranks = np.argsort(np.argsort(column.to_numpy()[known][order], kind="stable"), kind="stable")
    n = len(ranks)
    # Spearman's rank correlation: 1 - 6 sum d^2 / (n (n^2 - 1)), d the difference of the two ranks
    apart = float(((ranks - np.arange(n)) ** 2).sum())
    return n >= FEWEST and 1 - 6 * apart / (n * (n * n - 1.0)) >= GROWS
