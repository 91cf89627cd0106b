from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from fireline.errors import MeasureInFlight, StateError, StoreError
from fireline.store import Claim, Store
from fireline.terms.measure import MeasureState
from fireline.terms.timeline import Draft, EntryKind
from tests.support.incidents import T0, about, after, asked, opened, requested

LEASE = timedelta(seconds=60)
S = MeasureState


@pytest.fixture
def open_store(store: Store) -> Store:
    with store.begin() as tx:
        tx.append("inc-1", opened("flights"), T0)
        tx.append("inc-2", opened("flights"), T0)
        tx.append("inc-3", opened("fares"), T0)
    return store


def request(store: Store, name: str = "msr-1", incident: str = "inc-1", at: float = 0) -> None:
    with store.begin() as tx:
        tx.append(incident, requested(name), after(at))


def claim(store: Store, worker: str = "w1", at: float = 1, name: str = "msr-1") -> Claim | None:
    with store.begin() as tx:
        return tx.claim(name, worker, after(at), LEASE)


def kinds(store: Store, incident: str = "inc-1") -> list[str]:
    return [entry.kind.value for entry in store.entries(incident)]


def test_one_measure_in_flight_per_service_across_incidents(open_store: Store) -> None:
    request(open_store)
    with open_store.begin() as tx:
        with pytest.raises(MeasureInFlight, match=r"rollback \(msr-1\) is requested for flights"):
            tx.append("inc-2", requested("msr-2"), after(1))
        tx.append("inc-2", Draft(EntryKind.NOTE, "not now", {"text": "blocked"}), after(1))
        tx.append("inc-3", requested("msr-3"), after(1))
    assert kinds(open_store, "inc-2") == ["opened", "note"], (
        "the refused request left nothing, the rest stands"
    )
    assert [m.id for m in open_store.measures(states={S.REQUESTED})] == ["msr-1", "msr-3"]
    assert open_store.verify_projection() == ()


def test_the_slot_is_held_until_a_measure_is_confirmed(open_store: Store) -> None:
    request(open_store)
    held = claim(open_store)
    assert held is not None
    for at, draft in ((2, None), (3, about(EntryKind.CONFIRMED))):
        with pytest.raises(MeasureInFlight):
            request(open_store, "msr-2", "inc-2", at)
        with open_store.begin() as tx:
            if draft is None:
                assert tx.applied(held, {"version": 1}, after(at), "obeyed")
            else:
                tx.append("inc-1", draft, after(at))
    request(open_store, "msr-2", "inc-2", 4)
    assert [(m.id, m.ordinal) for m in open_store.measures("flights")] == [("msr-1", 1), ("msr-2", 2)]


def test_a_claim_goes_to_one_worker_and_comes_back_when_its_lease_lapses(open_store: Store) -> None:
    request(open_store)
    first = claim(open_store, "w1", 1)
    assert first is not None
    assert first.attempt == 1
    assert claim(open_store, "w2", 2) is None
    assert open_store.claimable(after(60)) == []
    assert [m.id for m in open_store.claimable(after(61))] == ["msr-1"]
    second = claim(open_store, "w2", 61)
    assert second is not None
    assert second.attempt == 2
    with open_store.begin() as tx:
        assert not tx.applied(first, {"by": "w1"}, after(62), "done"), "the first one's claim is lost"
        assert tx.applied(second, {"by": "w2"}, after(63), "done")
        assert not tx.applied(second, {"by": "w2"}, after(64), "done"), "a receipt is written once"
    assert kinds(open_store) == ["opened", "requested", "claimed", "claimed", "applied"]
    assert "w1 did not finish in time" in open_store.entries("inc-1")[3].because
    measure = open_store.measure("msr-1")
    assert (measure.state, measure.receipt, measure.applied_at) == (S.APPLIED, {"by": "w2"}, after(63))
    assert open_store.verify_projection() == ()


def test_the_first_claim_fixes_the_inverse(open_store: Store) -> None:
    request(open_store)
    with open_store.begin() as tx:
        first = tx.claim("msr-1", "w1", after(1), LEASE, {"action": "restore", "params": {"was": "B"}})
    with open_store.begin() as tx:
        second = tx.claim("msr-1", "w2", after(99), LEASE, {"action": "restore", "params": {"was": "A"}})
    assert first is not None
    assert second is not None
    assert second.measure.inverse == first.measure.inverse == {"action": "restore", "params": {"was": "B"}}


def test_what_may_succeed_later_is_requested_again_and_waits(open_store: Store) -> None:
    request(open_store)
    held = claim(open_store)
    assert held is not None
    with open_store.begin() as tx:
        assert tx.failed(held, "the switch did not answer", after(2), permanent=False, retry_at=after(30))
    assert open_store.measure("msr-1").state is S.REQUESTED
    assert open_store.claimable(after(29)) == []
    again = claim(open_store, at=30)
    assert again is not None
    assert again.attempt == 2
    with open_store.begin() as tx:
        assert tx.failed(again, "there is no version A", after(31))
    assert open_store.measure("msr-1").state is S.FAILED
    assert open_store.verify_projection() == ()
    request(open_store, "msr-2", "inc-2", 32)


def test_a_person_frees_a_hung_measure_and_its_late_receipt_is_refused(open_store: Store) -> None:
    request(open_store)
    held = claim(open_store)
    assert held is not None
    with open_store.begin() as tx:
        tx.append("inc-1", about(EntryKind.FREED), after(5))
    request(open_store, "msr-2", "inc-2", 6)
    with open_store.begin() as tx:
        assert not tx.applied(held, {}, after(7), "done at last")
        assert not tx.failed(held, "gave up", after(7))
    assert open_store.measure("msr-1").state is S.FREED
    assert open_store.verify_projection() == ()


def test_an_asked_measure_waits_for_its_answer(open_store: Store) -> None:
    with open_store.begin() as tx:
        tx.append("inc-1", asked(default="do"), T0)
        tx.append("inc-3", asked("msr-3"), T0)
    assert open_store.claimable(after(1)) == []
    with open_store.begin() as tx:
        tx.append("inc-1", about(EntryKind.APPROVED, by="grace"), after(10))
        tx.append("inc-3", about(EntryKind.DENIED, "msr-3"), after(10))
    approved = open_store.measure("msr-1")
    assert (approved.state, approved.approver, approved.requested_at) == (S.REQUESTED, "grace", after(10))
    assert open_store.measure("msr-3").ended_at == after(10)
    assert [m.id for m in open_store.claimable(after(11))] == ["msr-1"]
    assert open_store.verify_projection() == ()


def test_after_it_was_applied_a_measure_is_confirmed_measured_kept_or_undone(open_store: Store) -> None:
    request(open_store)
    held = claim(open_store)
    assert held is not None
    with open_store.begin() as tx:
        tx.applied(held, {"version": 1}, after(2), "obeyed")
        tx.append("inc-1", about(EntryKind.CONFIRMED), after(3))
        tx.append("inc-1", about(EntryKind.EFFECT, effect={"share": 0.9}), after(4))
        tx.append("inc-1", about(EntryKind.KEPT), after(5))
    kept = open_store.measure("msr-1")
    assert (kept.temporary, kept.expires_at, kept.effect) == (False, None, {"share": 0.9})
    assert open_store.verify_projection() == ()
    with open_store.begin() as tx:
        tx.append("inc-1", about(EntryKind.UNDONE), after(6))
        with pytest.raises(StateError, match="undone and cannot be `expired`"):
            tx.append("inc-1", about(EntryKind.EXPIRED), after(7))
    assert open_store.verify_projection() == ()


def test_without_a_gate_the_ledger_itself_refuses(place: str) -> None:
    with Store.open(place, gate=None) as store:
        with store.begin() as tx:
            tx.append("inc-1", opened(), T0)
            tx.append("inc-2", opened(), T0)
            tx.append("inc-1", requested(), T0)
        for incident, draft, said in (
            ("inc-1", about(EntryKind.CONFIRMED), "is requested and cannot be confirmed"),
            ("inc-2", about(EntryKind.FREED), "belongs to incident inc-1, not to inc-2"),
            ("inc-1", about(EntryKind.FREED, "msr-9"), "msr-9 is not known"),
            ("inc-1", about(EntryKind.EFFECT, "msr-9", effect={}), "msr-9 is not known"),
            ("inc-1", requested(), "was requested before and is requested"),
            ("inc-1", about(EntryKind.APPLIED), "comes from a claim"),
            ("inc-1", Draft(EntryKind.REQUESTED, "x", {"measure": "msr-7"}), "must carry its measure"),
            ("inc-1", Draft(EntryKind.FREED, "x", {}), "must name its measure"),
            ("inc-9", requested("msr-9"), "inc-9 was not opened"),
        ):
            with pytest.raises((StoreError, StateError), match=said), store.begin() as tx:
                tx.append(incident, draft, after(1))
        assert kinds(store) == ["opened", "requested"]


def test_eight_workers_and_one_measure(place: str) -> None:
    with Store.open(place) as store:
        with store.begin() as tx:
            tx.append("inc-1", opened(), T0)
            tx.append("inc-1", requested(), T0)
        won: list[str] = []

        def work(name: str) -> None:
            with Store.open(place) as mine:
                if claim(mine, name) is not None:
                    won.append(name)

        workers = [threading.Thread(target=work, args=(f"w{i}",)) for i in range(8)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert len(won) == 1
        assert kinds(store) == ["opened", "requested", "claimed"]


def test_eight_incidents_ask_at_once_and_one_gets_the_slot(place: str) -> None:
    with Store.open(place) as store:
        with store.begin() as tx:
            for number in range(8):
                tx.append(f"inc-{number}", opened(), T0)
        refused: list[str] = []

        def ask(number: int) -> None:
            with Store.open(place) as mine:
                try:
                    request(mine, f"msr-{number}", f"inc-{number}")
                except MeasureInFlight as e:
                    refused.append(str(e))

        askers = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
        for asker in askers:
            asker.start()
        for asker in askers:
            asker.join()
        assert len(refused) == 7
        assert len(store.measures("flights")) == 1
        assert store.verify_projection() == ()
