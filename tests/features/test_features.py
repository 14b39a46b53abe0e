"""The whole of a contract's features: order, state, and the same answer for a row alone and among others."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from treadle.data.contract import Contract, Field
from treadle.errors import BundleError
from treadle.features import Features
from treadle.recipe import FeaturesRecipe

TARGET = Field(name="bought", kind="boolean", role="target", nullable=False)
FIELDS = (
    Field(name="town", kind="category", role="feature", nullable=True, categories=("Bonn", "Kiel", "Ulm")),
    Field(name="age", kind="number", role="feature", nullable=True),
    Field(name="member", kind="boolean", role="feature", nullable=True),
    Field(name="joined", kind="date", role="feature", nullable=True),
    Field(name="income", kind="number", role="feature", nullable=True),
    Field(name="colour", kind="category", role="feature", nullable=False, categories=("blue", "red")),
)
RECIPES = [
    FeaturesRecipe(scaling=scaling, imputation=imputation, categories=categories, min_count=min_count)
    for scaling in ("standard", "quantile", "none")
    for imputation in ("median", "knn")
    for categories, min_count in (("one_hot", 1), ("embedding", 3))
]

numbers = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(-3.0, 3.0),
    st.sampled_from([0.0, 1.0, 5e-324, -1.7976931348623157e308, 1.7976931348623157e308]),
    st.just(np.nan),
)


@st.composite
def tables(draw: st.DrawFn, least: int = 1) -> dict[str, np.ndarray]:
    """Checked columns as the contract of FIELDS gives them."""
    rows = draw(st.integers(least, 12))

    def column(dtype: type, elements: st.SearchStrategy[object]) -> np.ndarray:
        return draw(arrays.arrays(dtype, rows, elements=elements))

    return {
        "town": column(np.int32, st.integers(-1, 3)),
        "age": column(np.float64, numbers),
        "member": column(np.float64, st.sampled_from([0.0, 1.0, np.nan])),
        "joined": column(np.float64, numbers),
        "income": column(np.float64, numbers),
        "colour": column(np.int32, st.integers(0, 2)),
    }


def contract(*fields: Field) -> Contract:
    return Contract(fields=(*fields, TARGET), missing=("",))


@given(st.sampled_from(RECIPES), tables(), tables(least=0))
@settings(max_examples=150, deadline=None)
def test_any_finite_table_gives_finite_inputs(recipe, train, rows):
    features = Features.fit(contract(*FIELDS), train, recipe)
    inputs = features.transform(rows)
    count = len(rows["age"])
    assert inputs["numbers"].shape == (count, len(features.number_names))
    assert inputs["numbers"].dtype == np.float32
    assert inputs["numbers"].flags.c_contiguous
    assert np.all(np.isfinite(inputs["numbers"]))
    if recipe.categories == "embedding":
        assert inputs["codes"].shape == (count, 2)
        assert np.all((inputs["codes"] >= 0) & (inputs["codes"] < np.array(features.cardinalities)))


@given(st.sampled_from(RECIPES), tables(), tables())
@settings(max_examples=100, deadline=None)
def test_a_row_alone_is_the_same_row_among_others(recipe, train, rows):
    features = Features.fit(contract(*FIELDS), train, recipe)
    together = features.transform(rows)
    for row in range(len(rows["age"])):
        alone = features.transform({name: column[row : row + 1] for name, column in rows.items()})
        for name, values in alone.items():
            assert np.array_equal(values[0], together[name][row])


@given(st.sampled_from(RECIPES), tables(), tables())
@settings(max_examples=60, deadline=None)
def test_restored_features_give_the_same_bits(recipe, train, rows):
    features = Features.fit(contract(*FIELDS), train, recipe)
    document, stored = features.state()
    restored = Features.restore(json.loads(json.dumps(document)), stored)
    assert restored.number_names == features.number_names
    assert restored.cardinalities == features.cardinalities
    for name, values in features.transform(rows).items():
        assert np.array_equal(restored.transform(rows)[name], values)


def many_rows(rows: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)

    def gaps(values: np.ndarray) -> np.ndarray:
        return np.where(rng.random(rows) < 0.2, np.nan, values)

    return {
        "town": rng.integers(-1, 4, rows).astype(np.int32),
        "age": gaps(rng.normal(40.0, 10.0, rows)),
        "member": gaps(rng.integers(0, 2, rows)),
        "joined": gaps(rng.uniform(0.0, 20000.0, rows)),
        "income": gaps(rng.exponential(30000.0, rows)),
        "colour": rng.integers(0, 3, rows).astype(np.int32),
    }


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_row_alone_is_the_same_row_among_thousands(recipe):
    rows = many_rows(5000)
    features = Features.fit(contract(*FIELDS), rows, recipe)
    together = features.transform(rows)
    for row in range(0, 5000, 97):
        alone = features.transform({name: column[row : row + 1] for name, column in rows.items()})
        for name, values in alone.items():
            assert np.array_equal(values[0], together[name][row])


def test_the_order_is_the_contracts_whatever_the_requests():
    rows = many_rows(50)
    features = Features.fit(contract(*FIELDS), rows, FeaturesRecipe())
    assert features.number_names == (
        "age",
        "income",
        "age (missing)",
        "income (missing)",
        "joined (days)",
        "joined (sine of the year)",
        "joined (cosine of the year)",
        "joined (sine of the week)",
        "joined (cosine of the week)",
        "joined (missing)",
        "member",
        "member (missing)",
        "town = Bonn",
        "town = Kiel",
        "town = Ulm",
        "town (missing)",
        "colour = blue",
        "colour = red",
    )
    turned = {"extra": rows["age"], **dict(reversed(rows.items()))}
    assert np.array_equal(features.transform(turned)["numbers"], features.transform(rows)["numbers"])


def test_inputs_without_columns_are_left_out():
    town, rows = FIELDS[:1], many_rows(50)
    assert list(Features.fit(contract(*town), rows, FeaturesRecipe()).transform(rows)) == ["numbers"]
    features = Features.fit(contract(*town), rows, FeaturesRecipe(categories="embedding"))
    assert list(features.transform(rows)) == ["codes"]
    assert features.number_names == ()
    assert features.code_names == ("town",)
    assert features.cardinalities == (5,)


def test_missing_numbers_stand_as_the_median_and_booleans_as_zero():
    train = {"age": np.array([1.0, 2.0, 9.0, np.nan]), "member": np.array([1.0, 1.0, 0.0, np.nan])}
    features = Features.fit(contract(FIELDS[1], FIELDS[2]), train, FeaturesRecipe(scaling="none"))
    assert features.number_names == ("age", "age (missing)", "member", "member (missing)")
    nothing = {"age": np.array([np.nan]), "member": np.array([np.nan])}
    assert features.transform(nothing)["numbers"].tolist() == [[2.0, 1.0, 0.0, 1.0]]


def test_neighbours_are_measured_on_scaled_values():
    # In the table's units income alone would decide who is near.
    train = {
        "age": np.array([20.0, 21.0, 60.0, 61.0]),
        "income": np.array([10000.0, 90000.0, 30000.0, 50000.0]),
        "height": np.array([1.0, 1.0, 3.0, 3.0]),
    }
    fields = tuple(Field(name=name, kind="number", role="feature", nullable=True) for name in train)
    recipe = FeaturesRecipe(imputation="knn", neighbours=2)
    features = Features.fit(contract(*fields), train, recipe)
    row = {"age": np.array([60.0]), "income": np.array([60000.0]), "height": np.array([np.nan])}
    height = features.transform(row)["numbers"][0, 2]
    assert height == features.transform({**row, "height": np.array([3.0])})["numbers"][0, 2]


def test_altered_state_is_refused():
    features = Features.fit(contract(*FIELDS), many_rows(50), FeaturesRecipe())
    document, stored = features.state()
    del stored["numbers/mean"]
    with pytest.raises(BundleError, match="'mean' is missing"):
        Features.restore(document, stored)
