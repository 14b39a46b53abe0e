"""All views of a bundle together, and the page they make."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable

import equinox as eqx
import numpy as np
import pytest

import treadle
from treadle.bundle.golden import record
from treadle.bundle.predictor import Predictor
from treadle.data.contract import Contract
from treadle.data.sources import from_rows
from treadle.data.table import Table
from treadle.errors import ContractError, DataError
from treadle.inspection.inspection import Inspection, inspect
from treadle.inspection.report_html import render_inspection
from treadle.nn import TableNetwork

Make = Callable[..., Predictor]
HOSTILE = "<img src=x onerror=alert(1)> good film & 'plot'"


@pytest.fixture(scope="module")
def seen(make_bundle: Make, film_table: Table) -> Inspection:
    predictor = make_bundle({"encoder": "lstm", "units": 3}, beside=True)
    other = make_bundle({"encoder": "simple_rnn", "units": 3, "bidirectional": True}, beside=True)
    return inspect(predictor, film_table, beside=[other])


def test_all_views_are_there(seen: Inspection, film_table: Table) -> None:
    assert (seen.name, seen.source, seen.rows) == ("films", "films", len(film_table))
    assert [reach.counted_from for reach in seen.reaches] == ["end", "nearest end"]
    assert 2 <= len(seen.texts) <= 3
    assert {explained.gates.cell for explained in seen.texts if explained.gates} == {"lstm"}
    assert seen.importance is not None
    assert set(seen.importance.columns) == {"text", "stars", "kind"}
    assert all(found.known for found in seen.words)


def test_the_chosen_texts_are_the_surest_and_the_least_sure(make_bundle: Make, film_table: Table) -> None:
    predictor = make_bundle(seed=2)
    probabilities = predictor.predict_table(film_table).columns["probabilities"][:, 1]
    legible = [len(text.split()) >= 5 for text in film_table.columns["text"]]
    found = [explained.why.value for explained in inspect(predictor, film_table).texts]
    expected = probabilities[legible]
    unsure = expected[np.abs(expected - 0.5).argmin()]
    assert found == pytest.approx([*dict.fromkeys([expected.min(), expected.max(), unsure])], abs=1e-5)


def test_it_is_json(seen: Inspection) -> None:
    document = json.loads(json.dumps(dataclasses.asdict(seen), allow_nan=False))
    assert document["reaches"][0]["texts"] == 24
    assert document["texts"][0]["why"]["words"]


def test_texts_and_words_can_be_named(make_bundle: Make, film_table: Table) -> None:
    found = inspect(make_bundle(classes=1), film_table, texts=[HOSTILE], words=["goood"])
    (explained,) = found.texts
    assert explained.why.words[:3] == ("<", "img", "src")
    assert explained.answer == f"{explained.why.value:,.6g}"
    assert explained.gates is None
    assert [near.word for near in found.words] == ["goood"]
    assert found.importance is None


def test_a_single_text_does_not_stand_for_several(make_bundle: Make, film_table: Table) -> None:
    bundle = make_bundle().bundle
    target, text = bundle.contract.target, bundle.contract.features[0]
    both = Contract(fields=(text, text.model_copy(update={"name": "title"}), target))
    features = dataclasses.replace(
        bundle.features, text=dataclasses.replace(bundle.features.text, columns=("text", "title"))
    )
    predictor = Predictor(dataclasses.replace(bundle, contract=both, features=features))
    titled = Table.of({**film_table.columns, "title": film_table.columns["text"]})
    with pytest.raises(ContractError, match=r"reads several texts of a row \(text, title\): give rows"):
        inspect(predictor, titled, texts=["good"])
    found = inspect(predictor, titled).texts[0].why.words
    assert found[: len(found) // 2] == found[len(found) // 2 :]


def test_the_rows_that_a_bundle_keeps_are_looked_at(make_bundle: Make, film_table: Table) -> None:
    predictor = make_bundle()
    with pytest.raises(DataError, match="bundle 'films' keeps no rows to look at: name some"):
        inspect(predictor)
    kept = dataclasses.replace(predictor.bundle, golden=record(predictor, film_table))
    assert inspect(Predictor(kept)).source == "the bundle's golden rows"


def test_a_bundle_of_columns_shows_what_answers_hang_on(trained: treadle.Run) -> None:
    found = inspect(trained.predictor)
    assert found.importance is not None
    assert (found.reaches, found.texts, found.words) == ((), (), ())
    page = render_inspection(found)
    assert "Columns: what answers hang on" in page
    assert "Reach" not in page
    for settings in ({"texts": ["a"]}, {"words": ["a"]}, {"beside": [trained.predictor]}):
        with pytest.raises(ContractError, match="'shop' reads no text: there is no reach, text or word to look at"):
            inspect(trained.predictor, **settings)


def test_hashed_words_are_explained_but_have_no_neighbours(make_bundle: Make, film_table: Table) -> None:
    predictor = make_bundle(text={"hashing": True, "vocabulary": 50})
    found = inspect(predictor, film_table)
    assert found.words == ()
    assert found.notices == ("the words are hashed: no neighbours can be named",)
    assert "no neighbours can be named" in render_inspection(found)
    with pytest.raises(ContractError, match="hashes its words"):
        inspect(predictor, film_table, words=["good"])


def test_a_reach_that_cannot_be_measured_leaves_the_other_views(make_bundle: Make, film_table: Table) -> None:
    def deaf(network: TableNetwork) -> TableNetwork:
        return eqx.tree_at(lambda own: own.output.weight, network, network.output.weight * 0)

    found = inspect(make_bundle(change=deaf), film_table, words=["good"])
    assert found.reaches == ()
    assert found.notices == ("films: how far back films looks cannot be measured: 24 texts without any gradient",)
    assert found.texts
    assert [near.word for near in found.words] == ["good"]
    page = render_inspection(found)
    assert "cannot be measured" in page
    assert "<h2>Reach" not in page


def test_rows_that_all_break_the_contract_are_said(make_bundle: Make) -> None:
    broken = from_rows([{"text": ""}], source="mine")
    with pytest.raises(DataError, match="mine: every row breaks the contract: there is no text to explain"):
        inspect(make_bundle(), broken)
    found = inspect(make_bundle(), broken, texts=["a good film"])
    assert found.notices == ("mine: every row breaks the contract: there is no text to look at",)
    assert len(found.texts) == 1


def test_texts_left_out_of_the_reach_are_counted_on_the_page(seen: Inspection) -> None:
    first = dataclasses.replace(seen.reaches[0], silent=1, exploded=1_200)
    page = render_inspection(dataclasses.replace(seen, reaches=(first,)))
    assert "left out: 1 text without any gradient, 1,200 texts with a gradient beyond all numbers" in page
    assert "left out" not in render_inspection(seen)


def test_the_page_stands_alone(seen: Inspection) -> None:
    page = render_inspection(seen)
    assert page == render_inspection(seen)
    for title in ("Why: the words", "Reach: how far", "Gates: what is", "Words: neighbours", "Columns: what answers"):
        assert page.count(f"<h2>{title}") == 1
    assert "default-src 'none'" in page
    assert "<script" not in page
    assert re.findall(r'(?:src|href)="(?!#)[^"]*"', page) == []
    assert "lstm of 3 units" in page
    assert "counted from the nearest end" in page


def test_nothing_hostile_gets_into_the_page(make_bundle: Make) -> None:
    rows = from_rows([{"text": "the good film was bad"}] * 3, source="<b>rows</b>")
    page = render_inspection(inspect(make_bundle(text={"tokens": "characters"}), rows, texts=[HOSTILE]))
    assert "<img" not in page
    assert "<b>rows" not in page
    assert "&lt;b&gt;rows" in page
