"""Other sites' pages, borrowed names and hostile bytes get nothing done."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urljoin, urlsplit

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from fireline.web.auth import Access
from fireline.web.auth.hosts import authority, is_loopback_name, local_path, same_origin
from tests.auth.conftest import PAGE, Door, sign_in

ACK = "/v1/incidents/inc-1/ack"
OPEN = Access(open_on_loopback=True)
HERE = ("127.0.0.1", 40000)


def test_a_change_needs_the_token_of_the_page_in_a_header_or_a_field(door: Door) -> None:
    door.user("res", "responder")
    app = door.app()
    browser, csrf = door.signed_in(app, "res")
    _, foreign = door.signed_in(app, "res")
    assert browser.post(ACK).status_code == 403
    assert browser.post(ACK, data={"csrf": foreign}).status_code == 403, "another session's"
    assert browser.post(ACK, headers={"X-CSRF-Token": csrf[:-1]}).status_code == 403
    assert browser.post(ACK, headers={"X-CSRF-Token": "ü".encode()}).status_code == 403
    assert browser.post(ACK, data={"csrf": ["", csrf]}).status_code == 403, "the first counts"
    assert browser.post(f"{ACK}?csrf={csrf}").status_code == 403, "never in an address"
    assert browser.post(ACK, headers={"X-CSRF-Token": csrf}).json() == "res ack inc-1 "
    said = browser.post(ACK, data={"csrf": csrf, "text": "seen, on it — äöü"})
    assert said.json() == "res ack inc-1 seen, on it — äöü", "the endpoint still gets the whole form"


@pytest.mark.parametrize(
    "foreign",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://fireline.example.evil.example"},
        {"Origin": "http://fireline.example:8080"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://fireline.example"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_another_sites_page_gets_nothing_done_even_with_the_token(
    door: Door, foreign: dict[str, str]
) -> None:
    door.user("ada", "admin")
    app = door.app()
    browser, csrf = door.signed_in(app, "ada")
    assert browser.post(ACK, headers={"X-CSRF-Token": csrf, **foreign}).status_code == 403
    login = door.browser(app).post("/login", data={"name": "ada", "password": "x"}, headers=foreign)
    assert login.status_code == 403, "nobody is signed in as somebody else either"
    own = {"X-CSRF-Token": csrf, "Origin": "http://fireline.example", "Sec-Fetch-Site": "same-origin"}
    assert browser.post(ACK, headers=own).status_code == 200


def test_a_program_with_a_token_needs_no_csrf(door: Door) -> None:
    bearer = door.token("responder")
    assert door.browser(door.app()).post(ACK, headers=bearer).status_code == 200


def test_a_bad_token_is_not_made_good_by_a_cookie(door: Door) -> None:
    door.user("ada", "admin")
    browser, csrf = door.signed_in(door.app(), "ada")
    headers = {"Authorization": "Bearer fl_0123456789ab_" + "x" * 43, "X-CSRF-Token": csrf}
    refused = browser.post(ACK, headers=headers)
    assert refused.status_code == 401
    assert "invalid_token" in refused.headers["WWW-Authenticate"]


def test_the_password_of_a_proxy_in_front_says_nothing_about_us(door: Door) -> None:
    door.user("ada", "admin")
    browser, csrf = door.signed_in(door.app(), "ada")
    basic = {"Authorization": "Basic YTpi"}
    assert browser.get("/v1/incidents", headers=basic).status_code == 200
    assert browser.post(ACK, headers=basic).status_code == 403
    assert browser.post(ACK, headers={**basic, "X-CSRF-Token": csrf}).status_code == 200
    assert door.browser(door.app()).get("/v1/incidents", headers=basic).status_code == 401


# Open on loopback.


@pytest.mark.parametrize("name", ["127.0.0.1:8700", "localhost:8700", "[::1]:8700", "LOCALHOST"])
def test_whoever_sits_at_the_machine_is_the_operator_while_there_is_no_user(door: Door, name: str) -> None:
    near = door.browser(door.app(OPEN), f"http://{name}", HERE)
    assert near.get("/v1/incidents").json() == {"name": "operator", "role": "admin", "how": "loopback"}
    assert (
        near.post(ACK, headers={"Origin": f"http://{name}", "Sec-Fetch-Site": "same-origin"}).status_code
        == 200
    )
    assert near.post("/v1/events?service=pricing", content=b"{}").status_code == 200


def test_a_name_that_was_pointed_at_this_machine_gets_nothing(door: Door) -> None:
    app = door.app(OPEN)
    for name in ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example"):
        rebound = door.browser(app, f"http://{name}:8700", HERE)
        assert rebound.get("/v1/incidents").status_code == 421
        assert rebound.post(ACK, headers={"Origin": f"http://{name}:8700"}).status_code == 421


def test_another_sites_page_cannot_use_the_operators_open_door(door: Door) -> None:
    near = door.browser(door.app(OPEN), "http://127.0.0.1:8700", HERE)
    assert near.post(ACK, headers={"Origin": "https://evil.example"}).status_code == 403
    assert near.post(ACK, headers={"Origin": "http://127.0.0.1:3000"}).status_code == 403
    assert near.post(ACK, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403


@pytest.mark.parametrize(
    "passed_on", ["X-Forwarded-For", "Forwarded", "Via", "X-Real-IP", "X-Forwarded-Host"]
)
def test_what_a_proxy_passes_on_is_not_from_this_machine(door: Door, passed_on: str) -> None:
    near = door.browser(door.app(OPEN), "http://127.0.0.1:8700", HERE)
    assert near.get("/v1/incidents", headers={passed_on: "203.0.113.4"}).status_code == 401


def test_from_elsewhere_the_open_door_is_shut(door: Door) -> None:
    far = door.browser(door.app(OPEN), "http://127.0.0.1:8700", ("10.1.2.3", 1))
    assert far.get("/v1/incidents").status_code == 401


def test_the_first_user_shuts_the_open_door(door: Door) -> None:
    near = door.browser(door.app(OPEN), "http://127.0.0.1:8700", HERE)
    assert near.get("/v1/incidents").status_code == 200
    door.user("ada", "admin")
    door.clock.advance(timedelta(seconds=1))
    assert near.get("/v1/incidents").status_code == 401
    assert sign_in(near, "ada").status_code == 303
    assert near.get("/v1/incidents").json()["how"] == "session"


def test_without_the_open_door_this_machine_is_like_any_other(door: Door) -> None:
    near = door.browser(door.app(Access()), "http://127.0.0.1:8700", HERE)
    assert near.get("/v1/incidents").status_code == 401


# Headers.


def test_every_answer_tells_the_browser_to_be_careful(door: Door) -> None:
    app = door.app()

    @app.get("/v1/broken")
    def broken() -> None:
        raise RuntimeError("boom")

    door.user("ada", "admin")
    browser, _ = door.signed_in(app, "ada")
    stranger = door.browser(app)
    answers = [
        browser.get("/", headers=PAGE),
        browser.get("/v1/broken"),
        browser.get("/v1/nowhere"),
        stranger.get("/", headers=PAGE),
        stranger.get("/v1/incidents"),
        stranger.get("/login"),
        stranger.get("/healthz"),
        stranger.post("/v1/events", headers={"Content-Length": "99999999999"}),
    ]
    assert [one.status_code for one in answers] == [200, 500, 404, 303, 401, 200, 200, 413]
    for one in answers:
        policy = one.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'self'; ")
        assert "frame-ancestors 'none'" in policy
        assert "connect-src 'self'" in policy
        assert "unsafe" not in policy
        assert one.headers["X-Content-Type-Options"] == "nosniff"
        assert one.headers["Referrer-Policy"] == "same-origin"
    assert "boom" not in answers[1].text
    assert len({one.headers["Content-Security-Policy"] for one in answers}) == len(answers), (
        "a nonce is used once"
    )


def test_our_own_pages_need_no_inline_script_or_style(door: Door) -> None:
    door.user("ada", "admin")
    browser, _ = door.signed_in(door.app(), "ada")
    stranger = door.browser(door.app())
    pages = [
        browser.get("/account", headers=PAGE),
        stranger.get("/login"),
        stranger.get("/setup", headers=PAGE),
    ]
    for page in pages:
        assert "<h1>" in page.text
        assert '<link rel="stylesheet" href="/login/door.css">' in page.text
        for inline in ("<script>", "<style", "style=", "onclick", "javascript:"):
            assert inline not in page.text


# Names of hosts.


NEAR = st.sampled_from(["localhost", "LOCALHOST", "[::1]", "127.0.0.1", "127.9.8.7", "[::ffff:127.0.0.1]"])


@given(
    st.text(max_size=40)
    | st.tuples(NEAR, st.sampled_from(["", ":8700", "."]) | st.text(max_size=9)).map("".join)
)
def test_only_names_of_this_machine_are_loopback_names(text: str) -> None:
    if is_loopback_name(text):
        found = authority(text)
        assert found is not None
        assert found[0] in ("localhost", "::1") or found[0].startswith(("127.", "::ffff:127.")), text


@given(NEAR, st.sampled_from(["", ":8700"]))
def test_a_name_of_this_machine_is_known_with_a_port_and_without(name: str, port: str) -> None:
    assert is_loopback_name(name + port)
    assert not is_loopback_name(f"{name}.evil.example{port}")


@given(st.from_regex(r"[a-z0-9.-]{1,20}", fullmatch=True), st.sampled_from(["", ":80", ":443", ":8700"]))
def test_an_origin_agrees_with_its_own_host_and_no_other(name: str, port: str) -> None:
    for scheme in ("http", "https"):
        assert same_origin({"origin": f"{scheme}://{name}{port}", "host": f"{name}{port}"})
        assert not same_origin({"origin": f"{scheme}://{name}{port}", "host": f"x{name}{port}"})
        assert not same_origin({"origin": f"{scheme}://{name}{port}/", "host": f"{name}{port}"})


@given(st.text(alphabet=st.sampled_from("/\\.:@?#ah \t\n\x00"), max_size=12))
def test_a_local_path_stays_here(text: str) -> None:
    path = local_path(text)
    assert urlsplit(urljoin("http://fireline.example/login", path)).netloc == "fireline.example"
    assert path.startswith("/")
    assert not path.startswith(("//", "/\\"))


def test_two_hosts_at_once_are_refused(door: Door) -> None:
    near: TestClient = door.browser(door.app(OPEN), "http://127.0.0.1:8700", HERE)
    both = [("Host", "127.0.0.1:8700"), ("Host", "evil.example")]
    assert near.get("/v1/incidents", headers=both).status_code == 421
