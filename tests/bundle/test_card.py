"""The model card: every fact of the bundle a reader asks for, and nothing that a name could break."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from treadle.bundle.bundle import Bundle
from treadle.bundle.card import render_card
from treadle.bundle.golden import record
from treadle.bundle.predictor import Predictor
from treadle.data.contract import Contract
from treadle.data.table import Table

EVALUATION: dict[str, Any] = {
    "target": "left",
    "rows": 60,
    "skipped": 2,
    "positive": 1,
    "metrics": {"roc_auc": 0.91234, "accuracy": 0.85},
    "intervals": {"roc_auc": [0.88, 0.94]},
    "opponents": {"majority": {"accuracy": 0.8, "roc_auc": 0.5}, "gradient_boosting": {"accuracy": 0.86}},
    "differences": {"majority": {"metric": "roc_auc", "difference": 0.41234, "low": 0.38, "high": 0.44}},
    "verdict": "the network is worth it",
    "outcome": "worth_it",
    "resamples": 1000,
    "confidence": 0.95,
    "calibration": {"about": "positive", "bins": [], "error": 0.0213},
    "confusion": {"labels": [0, 1], "counts": [[40, 5], [3, 12]]},
}
LEAKAGE = {
    "rows": 300,
    "distinct_rows": 250,
    "contradictory_rows": 12,
    "ceiling": 0.98,
    "test_rows_seen": 3,
    "share": 0.05,
    "group": None,
}


@pytest.fixture
def judged(bundle: Bundle, make_customers: Callable[..., Table]) -> Bundle:
    recipe = {
        "name": "customers",
        "data": {"source": "phishing_uci", "drop": ["id"], "split": {"group": "household", "seed": 7}},
        "model": {"hidden": [64, 32], "dropout": 0.1},
        "training": {"optimizer": "adamw"},
    }
    golden = record(Predictor(bundle), make_customers(4))
    return replace(bundle, recipe=recipe, evaluation=EVALUATION, leakage=LEAKAGE, golden=golden)


def test_a_card_says_what_a_reader_asks_for(judged: Bundle) -> None:
    card = render_card(judged)
    headings = re.findall(r"^#+ (.*)$", card, re.MULTILINE)
    assert headings == [
        "customers",
        "Uses",
        "How to get started",
        "Training data",
        "Columns",
        "Evaluation",
        "Bias, risks and limitations",
        "Technical specifications",
    ]
    for fact in (
        "pipeline_tag: tabular-classification",
        "classification of **left**",
        "**Verdict:** The network is worth it.",
        "- Licence of the data: CC BY 4.0",
        "Phishing Websites, UCI Machine Learning Repository 327",
        "- Columns left out: `id`",
        "- Rows: 180 train, 60 validation, 60 test",
        "- Split: rows of one `household` stay together; seed 7",
        "250 of 300 differ in some feature",
        "12 rows share their features with a row of another label",
        "no function of the features can exceed an accuracy of 0.9800",
        "3 test rows (5.0 %) have features that stand in training too",
        "| age | number | 18 to 91, typically 37 |",
        "Classes of left: `0`, `1`.",
        "The answer is `1` from a probability of 0.4 on.",
        "On 60 test rows",
        "Intervals hold 95 % of 1,000 bootstrap resamples.",
        "speak of left = `1`.",
        "| metric | network | interval | `gradient_boosting` | `majority` |",
        "| `accuracy` | **0.8500** |  | 0.8600 | 0.8000 |",
        "| `roc_auc` | **0.9123** | 0.8800 to 0.9400 |  | 0.5000 |",
        "| `majority` | `roc_auc` | 0.4123 | 0.3800 to 0.4400 |",
        "off by 0.0213 on average",
        "| `1` | 3 | 12 |",
        "2 test rows broke the contract",
        "on new rows expect less",
        "`golden.json` holds 4 rows of the data",
        "- Made by Treadle",
        "dropout `0.1`, hidden `[64, 32]`",
    ):
        assert fact in card


WORDS: dict[str, Any] = {
    "target": "line",
    "rows": 60,
    "tokens": 5942,
    "vocabulary": 2210,
    "min_count": 2,
    "unknown_share": 0.1833,
    "metrics": {"perplexity": 123.45, "accuracy": 0.0887},
    "intervals": {"perplexity": [117.4, 132.6]},
    "opponents": {"kneser_ney": {"perplexity": 125.15}},
    "resamples": 1000,
    "confidence": 0.95,
}


def test_figures_of_words(judged: Bundle) -> None:
    card = render_card(replace(judged, evaluation=WORDS))
    for fact in (
        "On 5,942 words of 60 test rows that neither",
        "The vocabulary has 2,210 words that training saw at least 2 times.",
        "18.3 % of the words counted are not in it: for every model they are one word more,",
        "| `perplexity` | **123.5** | 117.4 to 132.6 | 125.2 |",
    ):
        assert fact in card


def test_figures_of_tags(judged: Bundle) -> None:
    confusion = {"labels": ["NOUN", "VERB"], "counts": [[20, 1], [2, 30]]}
    tags = WORDS | {"labels": ["NOUN", "VERB"], "confusion": confusion, "min_count": 1, "metrics": {"accuracy": 0.9}}
    card = render_card(replace(judged, evaluation=tags))
    for fact in (
        "The vocabulary has 2,210 words.",
        "18.3 % of the words counted are not in it.",
        "How often each tag was answered:",
        "| `NOUN` | 20 | 1 |",
    ):
        assert fact in card


def test_its_example_runs(judged: Bundle) -> None:
    code = re.search(r"```python\n(.*?)```", render_card(judged), re.DOTALL)
    assert code is not None
    row = re.search(r"predict\((.*)\)\.records", code[1])
    assert row is not None
    names: dict[str, Any] = {"predictor": Predictor(judged)}
    exec(f"answer = predictor.predict({row[1]}).records()", names)
    assert names["answer"][0]["label"] in (0, 1)


def test_a_network_without_signal_says_not_to_use_it(bundle_of: Callable[..., Bundle]) -> None:
    evaluation = {
        "rows": 60,
        "metrics": {"mae": 50168.4},
        "outcome": "no_signal",
        "verdict": "nothing beats the median",
    }
    card = render_card(replace(bundle_of("regression"), evaluation=evaluation))
    assert "do not use these answers" in card
    assert "**Verdict:** Nothing beats the median." in card
    assert "| `mae` | **50,168** |  |" in card
    assert "in the units of left, and are not clipped" in card


def test_a_bundle_with_few_facts_has_a_card(bundle: Bundle) -> None:
    card = render_card(replace(bundle, recipe={}, leakage={}, split={}))
    assert "Not evaluated." in card
    assert "Source: `not recorded`" in card


def test_the_same_bundle_has_the_same_card(judged: Bundle) -> None:
    again = Bundle.from_members(judged.members(), "x")
    assert render_card(again) == render_card(judged)


def test_names_and_categories_are_shown_letter_by_letter(bundle: Bundle) -> None:
    bad = "a|b*<script>alert(1)</script>\n# x [y](z) `q`"
    fields = tuple(
        field.model_copy(update={"name": bad if field.name == "age" else field.name, "categories": ("|", "`<b>`")})
        if field.name in ("age", "country")
        else field
        for field in bundle.contract.fields
    )
    card = render_card(
        replace(bundle, contract=Contract(fields=fields), recipe={"data": {"source": "`x`\n\n# evil", "drop": ["a|b"]}})
    )
    table = card.split("## Columns")[1].split("Classes of")[0].strip().splitlines()
    assert len(table) == 2 + 2 + 4
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in table[2:]} == {4}
    outside_code = re.sub(r"```python.*?```|`[^`\n]*`", "", card, flags=re.DOTALL)
    assert "<script>" not in outside_code
    assert "# evil" not in re.findall(r"^#+ .*$", card, re.MULTILINE)


@pytest.mark.parametrize(
    ("split", "said"),
    [
        ({"group": None, "seed": 1}, "- Split: row by row; seed 1"),
        ({"group": "distinct", "seed": 1}, "- Split: rows equal in every feature stay together; seed 1"),
        (
            {"group": ["distinct", "title"], "seed": 1},
            "- Split: rows equal in every feature stay together; rows of one `title` stay together; seed 1",
        ),
        ({"group": "url", "group_by": "host", "seed": 1}, "- Split: rows of one host in `url` stay together; seed 1"),
    ],
)
def test_a_card_says_which_rows_stay_together(judged: Bundle, split: dict[str, Any], said: str) -> None:
    recipe = {**judged.recipe, "data": {**judged.recipe["data"], "split": split}}
    assert said in render_card(replace(judged, recipe=recipe)).splitlines()
