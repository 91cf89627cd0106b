"""The outbox on both databases: once per key, one who sends, a receipt only from who holds the claim."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from fireline.store import Store
from fireline.terms.page import Message, Page, PageDraft, PageKind, PageState
from fireline.terms.timeline import Draft, EntryKind
from tests.support.incidents import T0, after, opened

LEASE = timedelta(seconds=60)


def draft(
    key: str = "page-1", channel: str = "ops", incident: str = "inc-1", kind: str = "page"
) -> PageDraft:
    message = Message(
        incident, "flights", kind, "SEV2 flights: AUC fell", "text\nmore", at="2024-03-18T06:00:00Z"
    )
    return PageDraft(
        incident,
        "flights",
        PageKind(kind),
        channel,
        key,
        T0,
        "why",
        message,
        {"n": 0, "anchor": 2, "step": 0},
    )


def put(store: Store, *drafts: PageDraft) -> list[bool]:
    with store.begin() as tx:
        return [tx.put_page(one, T0) for one in drafts]


def claim(store: Store, worker: str = "w1", at: float = 1, page: int | None = None) -> Page | None:
    with store.begin() as tx:
        return tx.claim_page(page or store.pages()[0].id, worker, after(at), LEASE, "ops.example.org")


def test_a_page_comes_out_as_it_went_in_once_per_key(store: Store) -> None:
    assert put(store, draft(), draft(), draft("page-2")) == [True, False, True]
    assert put(store, draft()) == [False]
    page, other = store.pages("inc-1")
    assert (page.message, page.plan, page.because) == (draft().message, draft().plan, "why")
    assert (page.state, page.attempts, page.created_at, page.due_at) == (PageState.WAITING, 0, T0, T0)
    assert other.id > page.id
    assert store.pages("inc-2") == []


def test_a_claim_goes_to_one_and_comes_back_when_the_lease_lapses(store: Store) -> None:
    put(store, draft())
    first = claim(store, "w1", 1)
    assert first is not None
    assert (first.attempts, first.to, first.worker) == (1, "ops.example.org", "w1")
    assert claim(store, "w2", 2) is None
    assert store.waiting_channels(after(60)) == []
    assert store.waiting_channels(after(61)) == ["ops"]
    second = claim(store, "w2", 61)
    assert second is not None
    assert (second.attempts, second.key) == (2, first.key)
    with store.begin() as tx:
        assert not tx.page_sent(first, after(62)), "who came too late writes no receipt"
        assert tx.page_sent(second, after(62))
        assert not tx.page_sent(second, after(63))
    assert [(p.state, p.sent_at) for p in store.pages()] == [(PageState.SENT, after(62))]
    assert claim(store, "w3", 999) is None


def test_a_failure_waits_or_is_for_good(store: Store) -> None:
    put(store, draft())
    for retry_at in (30, None):
        held = claim(store, at=1 if retry_at else 31)
        assert held is not None
        with store.begin() as tx:
            assert tx.page_failed(held, "no\x00t now", retry_at is None, after(30) if retry_at else None)
        if retry_at:
            assert store.sendable_pages(after(29), "ops") == []
            assert [p.state for p in store.sendable_pages(after(30), "ops")] == [PageState.WAITING]
    (page,) = store.pages()
    assert (page.state, page.attempts) == (PageState.FAILED, 2)
    assert page.last_error.startswith("no")
    assert store.waiting_channels(after(999)) == []


def test_what_is_being_sent_cannot_be_dropped_until_its_lease_lapses(store: Store) -> None:
    put(store, draft(), draft("page-2"))
    waiting, other = store.pages()
    assert claim(store, page=waiting.id) is not None
    with store.begin() as tx:
        assert not tx.drop_page(waiting.id, after(2), "it is over")
        assert tx.drop_page(other.id, after(2), "it is over")
        assert tx.drop_page(waiting.id, after(61), "it is over")
    assert [(p.state, p.last_error) for p in store.pages()] == [(PageState.DROPPED, "it is over")] * 2


def test_channels_do_not_see_each_others_pages(store: Store) -> None:
    put(store, draft("page-1", "ops"), draft("page-2", "mail"), draft("page-3", "ops"))
    assert store.waiting_channels(after(1)) == ["mail", "ops"]
    assert [p.key for p in store.sendable_pages(after(1), "ops")] == ["page-1", "page-3"]


def test_of_many_who_put_the_same_page_one_does(store: Store) -> None:
    won: list[bool] = []

    def attempt() -> None:
        won.extend(put(store, draft()))

    threads = [threading.Thread(target=attempt) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [False] * 5 + [True]


def test_of_many_who_claim_one_gets_it(store: Store) -> None:
    put(store, draft())
    got: list[Page | None] = []
    threads = [threading.Thread(target=lambda n=n: got.append(claim(store, f"w{n}"))) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([page for page in got if page is not None]) == 1


@pytest.mark.parametrize(("arrived", "told"), [(True, ["inc-1"]), (False, [])])
def test_incidents_over_whose_end_nobody_was_told_of(store: Store, arrived: bool, told: list[str]) -> None:
    with store.begin() as tx:
        tx.append("inc-1", opened(), T0)
    put(store, draft())
    assert store.unended_pages() == []
    if arrived:
        held = claim(store)
        assert held is not None
        with store.begin() as tx:
            tx.page_sent(held, after(1))
    with store.begin() as tx:
        tx.append("inc-1", Draft(EntryKind.MOVED, "a test", {"to": "cancelled"}, by="ada"), after(2))
    assert store.unended_pages() == told
    put(store, draft("page-9", kind="resolved"))
    assert store.unended_pages() == []
