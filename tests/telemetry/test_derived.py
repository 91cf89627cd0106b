"""Figures made of texts, vectors, times, tools and verdicts at intake: the raw ones are kept nowhere."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fireline.runbook.load import load
from fireline.runbook.schema import Columns, Runbook
from fireline.runbook.write import write
from fireline.telemetry.columns import numbers
from fireline.telemetry.derived import derive, derived_types
from fireline.telemetry.intake import Intake
from fireline.telemetry.moderations import flags_in
from fireline.telemetry.texts import drawn, language, unsketched
from fireline.telemetry.vectors import projected
from fireline.terms.piece import Piece

SENTENCES = {
    "en": ["How do I get to the airport?", "The invoice is not in my account.", "Can you book a table?",
           "What time is breakfast?", "I have lost the key to my room."],
    "de": ["Wie komme ich zum Flughafen?", "Die Rechnung ist nicht in meinem Konto.", "Wo ist das Frühstück?",
           "Ich habe den Schlüssel verloren.", "Können Sie einen Tisch für zwei bestellen?"],
    "fr": ["Comment aller à la gare, et est-ce loin?", "Je ne trouve pas ma facture.", "À quelle heure est "
           "le petit déjeuner ?", "Une table pour deux, est-ce possible ?", "Il y a du bruit dans la cour."],
    "es": ["¿Cómo llego al aeropuerto?", "No encuentro la factura en mi cuenta.", "He perdido la llave de la "
           "habitación.", "¿A qué hora es el desayuno?", "Quiero una mesa para dos, por favor."],
    "it": ["Come si arriva alla stazione?", "Non trovo la fattura nel mio conto.", "Ho perso la chiave della "
           "camera.", "A che ora è la colazione?", "Un tavolo per due, per favore, se è possibile."],
    "nl": ["Hoe kom ik op het vliegveld?", "Ik kan de rekening niet vinden.", "Hoe laat is het ontbijt?",
           "De sleutel van mijn kamer is weg.", "Kan ik een tafel voor twee bespreken?"],
    "ja": ["駅はどこですか。", "朝食は何時ですか。", "鍵をなくしました。"],
    "zh": ["火车站在哪里？", "我找不到发票。", "早餐几点开始？"],
    "ko": ["역이 어디예요?", "영수증을 찾을 수 없어요."],
    "cyrillic": ["Где находится вокзал?", "Я потерял ключ от номера."],
    "arabic": ["أين المحطة؟", "متى يكون الإفطار؟"],
    "other": ["x = [i**2 for i in range(9)]", "QmFzZTY0IQ==", "12345", "zxqv blorf wunk drepp snarl"],
}  # fmt: skip


def test_the_language_of_nine_sentences_in_ten_is_told():
    told = [(code, language(text)) for code, texts in SENTENCES.items() for text in texts]
    wrong = [(code, said) for code, said in told if code != said]
    assert len(wrong) <= 0.1 * len(told), wrong


def test_figures_of_texts_are_of_the_whole_text():
    got = drawn(pa.array(["the cat and the dog", "", None, "Straße 7"]))
    assert got.length.to_pylist() == [19.0, 0.0, None, 8.0]
    assert got.words.to_pylist() == [5.0, 0.0, None, 2.0]
    assert got.language.to_pylist()[0] == "en"
    assert [None if s is None else len(s) // 2 for s in got.sketch.to_pylist()] == [4, 0, None, 2]


@given(st.lists(st.text(max_size=60), max_size=8))
def test_a_sketch_knows_words_and_neither_their_order_nor_their_number(texts):
    one = drawn(pa.array(texts, pa.string()))
    turned = drawn(pa.array([" ".join(reversed(t.split())) * 1 for t in texts], pa.string()))
    assert one.sketch.equals(turned.sketch)
    hashes, sizes = unsketched(pa.chunked_array([one.sketch]))
    assert len(hashes) == sizes.sum()


@given(
    st.lists(st.lists(st.floats(-9, 9), min_size=5, max_size=5), min_size=1, max_size=6), st.floats(0.1, 9)
)
def test_projections_know_the_direction_and_the_norm_the_length(vectors, factor):
    rows = np.array(vectors)
    norms, parts = projected(pa.array(vectors))
    grown, same = projected(pa.array((rows * factor).tolist()))
    as_text, by_text = projected(pa.array([json.dumps(v) for v in vectors]))
    np.testing.assert_allclose(np.nan_to_num(grown), np.nan_to_num(norms) * factor, rtol=1e-9)
    some = np.linalg.norm(rows, axis=1) > 1e-6
    np.testing.assert_allclose(same[some], parts[some], atol=1e-6)
    np.testing.assert_array_equal(by_text, parts)
    np.testing.assert_array_equal(as_text, norms)


def test_what_is_no_vector_has_no_figures():
    norms, parts = projected(pa.array(["no JSON", "{}", '[1, "a"]', "[]", "[0, 0]", None]))
    assert np.isnan(norms).all()
    assert np.isnan(parts).all()


@pytest.mark.parametrize(
    "kind", [pa.list_(pa.float32()), pa.large_list(pa.float64()), pa.list_(pa.float32(), 3)]
)
def test_every_kind_of_arrow_list_is_a_vector(kind):
    norms, _ = projected(pa.array([[3.0, 4.0, 0.0], None], kind))
    np.testing.assert_allclose(norms[0], 5.0)
    assert np.isnan(norms[1])


LOG = Columns(
    time="time", texts=("prompt",), embeddings=("vector",), features={"x": "numeric"},
    feature_times={"x": "x_at"}, tools="called", moderation="verdict", flags=("toxic", "injection"),
)  # fmt: skip


def test_ages_and_tools_in_every_form():
    at = np.array([10_000_000, 20_000_000])
    raw = pa.table({
        "x_at": ["1970-01-01T00:00:04Z", "never"],
        "called": ['[{"function": {"name": "pay"}}, {"name": "search"}]', "search, search"],
    })  # fmt: skip
    got = derive(LOG, raw, at, "UTC")
    assert got["x.age"].to_pylist() == [6.0, None]
    assert got["tools.calls"].to_pylist() == [2.0, 2.0]
    assert got["tools.names"].to_pylist() == ['["pay", "search"]', '["search"]']
    assert {name: values.type for name, values in got.items()} == derived_types(LOG)


def _piece(rows: list[dict[str, object]]) -> Piece:
    table = pa.Table.from_pylist(rows)
    text = lambda i: json.dumps(rows[i])  # noqa: E731
    return Piece(table, "log", np.arange(1, len(rows) + 1), tuple(table.column_names), text=text, fixed=False)


def test_neither_events_nor_rows_put_aside_hold_the_text():
    secret = "my card is 4111"
    rows = [
        {"time": "2026-03-02T10:00:00Z", "prompt": secret, "x": x, "vector": [1.0, 2.0], "called": "search",
         "x_at": "2026-03-02T09:00:00Z", "verdict": '{"categories": {"hate": true}}'}
        for x in (1.0, 2.0)
    ] + [{"time": "2026-03-02T10:00:00Z", "prompt": secret, "verdict": "[]"} | {"x": None}]  # fmt: skip
    intake = Intake(LOG)
    taken = intake.take(_piece(rows), "log")
    assert taken.events.column("toxic").to_pylist() == [True, True, False]
    assert numbers(taken.events, "x.age")[0] == 3600
    bad = [{**row, "x": "many"} for row in rows[:2]]
    rejected = intake.take(_piece(bad), "log").rejected
    assert rejected.column("reason aside").to_pylist() == ["not_a_number"] * 2
    assert rejected.column("column aside").to_pylist() == ["x"] * 2
    for kept in (str(taken.events.to_pylist()), str(rejected.to_pylist()), str(intake.quarantine.items)):
        assert "4111" not in kept
    assert intake.quarantine.items


def test_verdicts_in_every_shape_raise_the_same_flags():
    result = {"flagged": True, "categories": {"hate/threatening": True, "sexual": False, "pii": True}}
    pairs = list(result["categories"].items())
    for shape in (result, [result], {"results": [result]}, json.dumps({"results": [result]}),
                  {"moderation": result}, {**result, "categories": pairs}):  # fmt: skip
        assert flags_in(shape) == {"flagged", "toxic", "pii"}
    assert flags_in({"category_scores": {"violence": 0.49, "prompt_injection": 0.5}}) == {"injection"}
    assert flags_in({"categories": {"hate": False}, "category_scores": {"hate": 0.9}}) == frozenset()
    assert flags_in(7) == flags_in({"results": None}) == frozenset()


def test_a_scorer_is_written_and_read_and_one_that_cannot_tell_is_refused(tmp_path):
    plain = {
        "service": "s", "columns": {"time": "t", "flags": ["toxic"]},
        "reference": {"since": "2026-01-01T00:00:00Z", "until": "2026-01-08T00:00:00Z"},
    }  # fmt: skip
    good = {"recall": 0.65, "false_positive_rate": 0.13}
    runbook = Runbook.from_plain({**plain, "scorers": {"toxic": good}})
    assert runbook.scorers["toxic"].recall == 0.65
    (tmp_path / "runbook.yaml").write_text(write(runbook), encoding="utf-8")
    assert load(tmp_path / "runbook.yaml").scorers == runbook.scorers
    with pytest.raises(ValueError, match="cannot be corrected"):
        Runbook.from_plain({**plain, "scorers": {"toxic": {"recall": 0.1, "false_positive_rate": 0.2}}})
    with pytest.raises(ValueError, match="is not one of"):
        Runbook.from_plain({**plain, "scorers": {"pii": good}})
