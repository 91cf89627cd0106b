from __future__ import annotations

import threading

import pytest

from fireline.errors import StoreError
from fireline.store import Store
from fireline.store.people import People
from fireline.terms.people import Level, Session, Token, User
from tests.support.incidents import T0, after


def user(name: str, role: Level = "admin") -> User:
    return User(name, role, "hash", T0)


def session(name: str, hash: str = "aa", until: int = 3600) -> Session:
    return Session(hash, name, "csrf", T0, T0, after(until))


def test_people_are_kept_as_they_were_given(store: Store) -> None:
    people = People(store)
    assert not people.any_user()
    people.add_user(user("bob", "viewer"))
    people.add_user(user("ada"))
    assert people.any_user()
    assert people.users() == [user("ada"), user("bob", "viewer")]
    assert people.user("eve") is None
    with pytest.raises(StoreError, match="somebody called ada"):
        people.add_user(user("ada", "viewer"))


def test_somebody_sees_to_people_always(store: Store) -> None:
    people = People(store)
    people.add_user(user("ada"))
    people.add_user(user("bob", "responder"))
    with pytest.raises(StoreError, match="the only admin"):
        people.change_user("ada", role="viewer")
    with pytest.raises(StoreError, match="the only admin"):
        people.change_user("ada", disabled=True)
    assert people.user("ada") == user("ada"), "nothing of it was written"
    people.change_user("bob", role="admin")
    people.change_user("ada", disabled=True)
    with pytest.raises(StoreError, match="nobody called eve"):
        people.change_user("eve", role="viewer")


def test_a_session_comes_with_its_person_as_of_now(store: Store) -> None:
    people = People(store)
    people.add_user(user("ada"))
    people.add_user(user("bob"))
    people.add_session(session("bob"))
    assert people.session("aa") == (session("bob"), user("bob"))
    people.saw_session("aa", after(60))
    people.change_user("bob", role="viewer")
    found = people.session("aa")
    assert found is not None
    assert (found[0].seen_at, found[1].role) == (after(60), "viewer")
    people.change_user("bob", password_hash="other")
    assert people.session("aa") is None


def test_a_session_takes_the_place_of_another_and_old_ones_go(store: Store) -> None:
    people = People(store)
    people.add_user(user("ada"))
    people.add_session(session("ada", "old", until=0))
    people.add_session(session("ada", "kept"))
    people.add_session(session("ada", "first"))
    people.add_session(session("ada", "second"), instead_of="first")
    known = [one for one in ("old", "kept", "first", "second") if people.session(one)]
    assert known == ["kept", "second"]
    people.end_session("kept")
    assert people.session("kept") is None


def test_a_hash_is_renewed_only_while_it_is_the_same(store: Store) -> None:
    people = People(store)
    people.add_user(user("ada"))
    people.rehash("ada", "another", "newer")
    assert people.user("ada") == user("ada")
    people.rehash("ada", "hash", "newer")
    found = people.user("ada")
    assert found is not None
    assert found.password_hash == "newer"


def test_of_many_who_would_be_the_first_admin_one_is(store: Store) -> None:
    people = People(store)
    people.put_setup("secret", after(3600))
    made: list[bool] = []

    def attempt(number: int) -> None:
        made.append(people.first_admin("secret", user(f"u{number}")))

    threads = [threading.Thread(target=attempt, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == [False] * 5 + [True]
    assert len(people.users()) == 1
    assert not people.setup_open("secret", T0)


def test_tokens_are_revoked_by_name_and_the_name_is_free_again(store: Store) -> None:
    people = People(store)
    first, second = (
        Token("1", "loader", "guard", "pricing", "h", T0),
        Token("2", "loader", "ingest", None, "h", T0),
    )
    people.add_token(first)
    assert people.token("1") == first
    with pytest.raises(StoreError, match="a token called loader"):
        people.add_token(second)
    assert people.revoke_token("loader", after(5)) == first
    people.add_token(second)
    people.used_token("2", after(9))
    kept = people.tokens()
    assert [(token.id, token.revoked_at, token.last_used_at) for token in kept] == [
        ("1", after(5), None),
        ("2", None, after(9)),
    ]
    with pytest.raises(StoreError, match="no valid token"):
        people.revoke_token("1", after(6))
