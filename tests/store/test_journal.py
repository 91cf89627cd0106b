from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fireline.errors import StateError, StoreError
from fireline.store import Store
from fireline.store.plain import clean, plain
from fireline.terms.fold import fold
from fireline.terms.incident import Incident, State
from fireline.terms.severity import Severity
from fireline.terms.timeline import Draft, Entry, EntryKind
from tests.support.incidents import T0, after, note, opened


def test_entries_are_numbered_from_one_within_their_incident(store: Store) -> None:
    with store.begin() as tx:
        first = tx.append("inc-1", opened(), T0)
        tx.append("inc-2", opened("fares"), after(1))
        second = tx.append("inc-1", note("one"), after(2))
    with store.begin() as tx:
        third = tx.append("inc-1", note("two"), after(3))
    assert [first.seq, second.seq, third.seq] == [1, 2, 3]
    assert store.entries("inc-1") == [first, second, third]
    assert [entry.seq for entry in store.entries("inc-2")] == [1]
    assert store.entries("inc-9") == []


def test_an_entry_is_given_back_exactly_as_it_will_be_read(place: str) -> None:
    with Store.open(place) as store, store.begin() as tx:
        odd = {
            "text": "a\x00b \ud800 \u00e9",
            "nan": float("nan"),
            "pair": (1, 2.5),
            "big": 2**60,
            "none": None,
        }
        tx.append("inc-1", opened(), T0)
        given_back = tx.append("inc-1", Draft(EntryKind.NOTE, "nul \x00", odd), after(0.000001))
    with Store.open(place) as again:
        assert again.entries("inc-1")[1] == given_back
    assert given_back.data["nan"] is None
    assert given_back.data["pair"] == [1, 2.5]
    assert list(given_back.data) == list(odd), "key order is kept: a replay is byte-equal"


def test_what_was_rolled_back_was_never_there(store: Store) -> None:
    with store.begin() as tx:
        tx.append("inc-1", opened(), T0)
    store.entries("inc-1")
    with pytest.raises(RuntimeError), store.begin() as tx:  # noqa: PT012
        tx.append("inc-1", note(), after(1))
        assert len(tx.entries("inc-1")) == 2, "a transaction sees what it wrote"
        raise RuntimeError
    assert len(store.entries("inc-1")) == 1
    with store.begin() as tx:
        assert tx.append("inc-1", note(), after(1)).seq == 2


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET because = 'nothing happened'",
        "DELETE FROM entries",
        'INSERT INTO entries SELECT incident, 7, at, kind, "by", because, data FROM entries',
        'INSERT INTO entries SELECT incident, 1, at, kind, "by", because, data FROM entries',
    ],
)
def test_the_database_itself_refuses_to_change_the_past(store: Store, statement: str) -> None:
    with store.begin() as tx:
        tx.append("inc-1", opened(), T0)
    with pytest.raises(sa.exc.SQLAlchemyError), store.database.begin() as connection:
        connection.exec_driver_sql(statement)
    assert len(store.entries("inc-1")) == 1


def test_sqlite_refuses_a_replace_too(tmp_path) -> None:
    with Store.open(tmp_path / "s.sqlite") as store:
        with store.begin() as tx:
            tx.append("inc-1", opened(), T0)
        with pytest.raises(sa.exc.SQLAlchemyError), store.database.begin() as connection:
            connection.exec_driver_sql(
                "INSERT OR REPLACE INTO entries SELECT incident, seq, at, kind, 'mallory', 'x', data FROM "
                "entries"
            )
        assert store.entries("inc-1")[0].by == "fireline"


def test_postgresql_refuses_to_truncate(server) -> None:
    with (
        Store.open(server.new_database()) as store,
        pytest.raises(sa.exc.SQLAlchemyError, match="append-only"),
        store.database.begin() as connection,
    ):
        connection.exec_driver_sql("TRUNCATE entries")


def test_incidents_are_listed_oldest_first_by_service_and_openness(store: Store) -> None:
    with store.begin() as tx:
        tx.append("inc-b", opened("flights"), after(10))
        tx.append("inc-a", opened("flights"), after(20))
        tx.append("inc-c", opened("fares"), after(0))
        tx.append("inc-b", Draft(EntryKind.MOVED, "a false alarm", {"to": "declined"}, by="ada"), after(30))
    assert store.incidents() == ["inc-c", "inc-b", "inc-a"]
    assert store.incidents("flights") == ["inc-b", "inc-a"]
    assert store.incidents("flights", open_only=True) == ["inc-a"]
    assert store.incident("inc-b").state is State.DECLINED


def test_incidents_as_they_stand_are_those_read_one_by_one(place: str) -> None:
    def standing(store: Store, **which: bool) -> list[Incident]:
        found = store.standing("flights", **which)
        assert found == [store.incident(name) for name in store.incidents("flights", **which)]
        return found

    with Store.open(place) as store, Store.open(place) as elsewhere:
        assert standing(store) == []
        for at, name in enumerate(("inc-1", "inc-2")):
            with store.begin() as tx:
                tx.append(name, opened(), after(at))
        standing(store)
        assert len(standing(elsewhere)) == 2
        with elsewhere.begin() as tx:
            tx.append("inc-1", note("written by another"), after(3))
        assert [len(one.timeline) for one in standing(store)] == [2, 1]
        with store.begin() as tx:
            tx.append("inc-2", Draft(EntryKind.MOVED, "no harm", {"to": "declined"}), after(4))
        assert [one.id for one in standing(elsewhere, open_only=True)] == ["inc-1"]
        assert [one.id for one in standing(elsewhere)] == ["inc-1", "inc-2"]


def test_incidents_that_nobody_wrote_to_are_not_read_again(store: Store) -> None:
    asked: list[str] = []
    sa.event.listen(store.database, "before_cursor_execute", lambda *given: asked.append(given[2]))
    for name in ("inc-1", "inc-2", "inc-3"):
        with store.begin() as tx:
            tx.append(name, opened(), T0)
    asked.clear()
    assert len(store.standing("flights")) == 3
    assert len([one for one in asked if one.startswith("SELECT")]) == 1


def test_the_projection_follows_the_journal_and_is_checked(store: Store) -> None:
    with store.begin() as tx:
        tx.append("inc-1", opened(), T0)
        tx.append("inc-1", Draft(EntryKind.SEVERITY, "many users", {"severity": "SEV2"}), after(1))
    assert store.verify_projection() == ()
    with store.database.begin() as connection:
        connection.exec_driver_sql("UPDATE incidents SET severity = 'SEV3'")
    (said,) = store.verify_projection()
    assert "severity is 'SEV3' in the projection and 'SEV2' in the journal" in said
    with store.database.begin() as connection:
        connection.exec_driver_sql("DELETE FROM incidents")
    assert store.verify_projection() == ("incident inc-1: in the journal, but not projected",)


def test_the_gate_is_asked_inside_the_transaction(store: Store) -> None:
    with pytest.raises(StateError, match="no incident yet"), store.begin() as tx:
        tx.append("inc-1", note(), T0)
    with store.begin() as tx:
        tx.append("inc-1", opened(), T0)
        with pytest.raises(StateError, match="no way from"):
            tx.append("inc-1", Draft(EntryKind.MOVED, "done", {"to": "closed"}), T0)
    assert len(store.entries("inc-1")) == 1


def test_a_fold_and_a_gate_of_ones_own(place: str) -> None:
    folded: list[int] = []

    def counting(entries: Sequence[Entry]) -> Incident:
        folded.append(len(entries))
        return fold(entries)

    with Store.open(place, fold=counting, gate=None) as store:
        with store.begin() as tx:
            tx.append("inc-1", opened(), T0)
            tx.append("inc-1", Draft(EntryKind.MOVED, "no guard says no", {"to": "closed"}), T0)
            assert tx.incident("inc-1").state is State.CLOSED
        assert folded == [2]
        assert store.incident("inc-1").state is State.CLOSED
        assert folded == [2], "what was worked out for committed entries is remembered"
        with pytest.raises(StoreError, match="there is no incident inc-9"):
            store.incident("inc-9")


def test_what_was_worked_out_for_entries_that_were_rolled_back_is_forgotten(store: Store) -> None:
    with store.begin() as tx:
        tx.append("inc-1", opened(), T0)
    with pytest.raises(RuntimeError), store.begin() as tx:  # noqa: PT012
        tx.append("inc-1", Draft(EntryKind.SEVERITY, "bad", {"severity": "SEV1"}), T0)
        assert tx.incident("inc-1").severity is Severity.SEV1
        raise RuntimeError
    with store.begin() as tx:
        tx.append("inc-1", Draft(EntryKind.SEVERITY, "not so bad", {"severity": "SEV3"}), T0)
        tx.append("inc-1", note(), T0)
    assert store.incident("inc-1") == fold(store.entries("inc-1"))
    assert store.incident("inc-1").severity is Severity.SEV3
    assert store.verify_projection() == ()


def test_a_transaction_in_a_transaction_is_refused_at_once(store: Store) -> None:
    with store.begin(), pytest.raises(StoreError, match="open already"), store.begin():
        pass
    with store.begin() as tx:
        tx.append("inc-1", opened(), T0)
    assert store.incidents() == ["inc-1"]


def test_many_writers_leave_no_gap(place: str) -> None:
    with Store.open(place) as store:
        with store.begin() as tx:
            tx.append("inc-1", opened(), T0)

        def write(who: str) -> None:
            with Store.open(place) as mine:
                for number in range(15):
                    with mine.begin() as tx:
                        tx.append("inc-1", note(f"{who} {number}"), after(number))

        writers = [threading.Thread(target=write, args=(f"w{i}",)) for i in range(4)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        entries = store.entries("inc-1")
        assert [entry.seq for entry in entries] == list(range(1, 62))
        assert store.verify_projection() == ()
        for who in ("w0", "w3"):
            told = [
                entry.data["text"] for entry in entries if str(entry.data.get("text", "")).startswith(who)
            ]
            assert told == [f"{who} {number}" for number in range(15)]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(data=st.dictionaries(st.text(min_size=1, max_size=5), JSON, max_size=4))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_data_is_read_back_as_it_was_given_back(store: Store, data: dict[str, object]) -> None:
    with store.begin() as tx:
        if not tx.entries("inc-1"):
            tx.append("inc-1", opened(), T0)
        entry = tx.append("inc-1", Draft(EntryKind.NOTE, "any", data), T0)
    fresh = Store(store.database)
    assert fresh.entries("inc-1")[-1] == entry
    assert plain(plain(data)) == plain(data)


def test_plain_says_what_it_cannot_write() -> None:
    assert clean("plain") == "plain"
    with pytest.raises(StoreError, match="a object cannot be written"):
        plain({"x": object()})
