"""Dates as days, the time of the year and the day of the week."""

from __future__ import annotations

import numpy as np

from treadle.data.contract import Field
from treadle.features.dates import Dates

DAYS = np.arange(np.datetime64("1960-01-01"), np.datetime64("2060-01-01"))


def written(block: Dates, days: np.ndarray) -> dict[str, np.ndarray]:
    out = np.zeros((len(days), len(block.names)), dtype=np.float32)
    block.write({"joined": days}, out)
    return dict(zip(block.names, out.T, strict=True))


def fitted(days: np.ndarray, *, nullable: bool = False) -> Dates:
    return Dates.fit((Field(name="joined", kind="date", role="feature", nullable=nullable),), {"joined": days})


def test_days_are_standardised():
    days = DAYS.astype(np.float64)
    parts = written(fitted(days), days)
    np.testing.assert_allclose(parts["joined (days)"], (days - days.mean()) / days.std(), rtol=1e-5, atol=1e-6)


def test_the_year_follows_the_calendar_within_two_days():
    days = DAYS.astype(np.float64)
    parts = written(fitted(days), days)
    angle = np.arctan2(parts["joined (sine of the year)"], parts["joined (cosine of the year)"])
    of_year = (DAYS - DAYS.astype("datetime64[Y]")).astype(np.float64)
    off = (angle / (2 * np.pi) * 365.2425 - of_year + 182.0) % 365.2425 - 182.0
    assert np.max(np.abs(off)) < 2.0


def test_the_week_is_the_weekday_at_any_hour():
    days = DAYS.astype(np.float64)
    block = fitted(days)
    morning, evening = written(block, days), written(block, days + 0.9)
    angle = np.arctan2(morning["joined (sine of the week)"], morning["joined (cosine of the week)"])
    # 1970-01-01, day 0, was a Thursday.
    weekday = np.round(angle / (2 * np.pi) * 7).astype(int) % 7
    assert np.array_equal(weekday, (DAYS.astype(int)) % 7)
    assert np.array_equal(morning["joined (sine of the week)"], evening["joined (sine of the week)"])


def test_a_missing_date_is_the_mean_day_and_no_time_of_the_year():
    parts = written(fitted(np.array([0.0, 10.0, np.nan]), nullable=True), np.array([np.nan, 10.0]))
    assert [values[0] for values in parts.values()] == [0.0, 0.0, 0.0, 0.0, 0.0, 1.0]
    assert parts["joined (missing)"].tolist() == [1.0, 0.0]
    assert parts["joined (days)"][1] == 1.0


def test_names_go_part_by_part():
    fields = tuple(Field(name=name, kind="date", role="feature", nullable=False) for name in ("a", "b"))
    columns = {"a": np.array([0.0, 2.0]), "b": np.array([0.0, 20.0])}
    block = Dates.fit(fields, columns)
    out = np.zeros((2, len(block.names)), dtype=np.float32)
    block.write(columns, out)
    assert block.names[:4] == ("a (days)", "b (days)", "a (sine of the year)", "b (sine of the year)")
    np.testing.assert_allclose(out[1, 2:4], np.sin(2 * np.pi * np.array([2.0, 20.0]) / 365.2425), rtol=1e-6)
