"""Every kind of column has its control, which starts at what is typical and reaches beyond what training saw."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path

from streamlit.testing.v1 import AppTest

from treadle.bundle.predictor import Predictor

Open = Callable[[str], AppTest]


def labelled(widgets: object, label: str) -> object:
    return next(widget for widget in widgets if widget.label == label)  # type: ignore[attr-defined]


def test_a_whole_number_has_whole_steps(open_screen: Open) -> None:
    age = labelled(open_screen("bank").number_input, "Age")
    assert (age.value, age.step) == (57, 1)
    assert age.help == r"Training saw 18 to 91\. The median is 57\."


def test_a_number_that_may_be_missing_can_be_emptied(open_screen: Open) -> None:
    screen = open_screen("bank")
    balance = labelled(screen.number_input, "Balance")
    assert balance.value == 59004.9 or abs(balance.value - 59004.9) < 1
    assert balance.placeholder == "not known"
    assert "Leave it empty when it is not known" in balance.help
    balance.set_value(None)
    screen.button[0].click().run()
    assert '"Balance": null' in screen.code[0].value


def test_a_category_offers_those_of_training_and_takes_others(open_screen: Open) -> None:
    screen = open_screen("bank")
    country = labelled(screen.selectbox, "Country")
    assert country.options == ["France", "Germany", "Spain"]
    assert labelled(screen.selectbox, "Plan").options == ["basic", "gold", "not known"]


def test_booleans_and_dates(open_screen: Open) -> None:
    screen = open_screen("bank")
    assert labelled(screen.toggle, "Card").value in (True, False)
    assert labelled(screen.selectbox, "Active").options == ["yes", "no", "not known"]
    joined = labelled(screen.date_input, "Joined")
    assert joined.value == datetime.date(2019, 1, 17)
    joined.set_value(datetime.date(1931, 5, 31))
    screen.button[0].click().run()
    assert any("outside the 2015\\-01\\-08 to 2023\\-03\\-13" in warning.value for warning in screen.warning)


def test_the_controls_make_the_row_that_the_predictor_is_asked(open_screen: Open, paths: dict[str, Path]) -> None:
    screen = open_screen("bank")
    labelled(screen.number_input, "Age").set_value(40)
    labelled(screen.selectbox, "Country").set_value("Spain")
    labelled(screen.selectbox, "Plan").select_index(2)
    labelled(screen.toggle, "Card").set_value(True)
    screen.button[0].click().run()
    row = screen.session_state[f"{paths['bank']}/{paths['bank'].stat().st_mtime_ns}/answer"].row
    assert list(row) == [field.name for field in Predictor.load(paths["bank"]).contract.features]
    assert (row["Age"], row["Country"], row["Plan"], row["Card"]) == (40, "Spain", None, True)
    assert row["Joined"] == "2019-01-17"
