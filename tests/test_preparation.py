from pathlib import Path
from typing import Any

import numpy as np
import pytest

from treadle.errors import ContractError, DataError, RecipeError
from treadle.preparation import prepare
from treadle.recipe import parse_recipe

ROWS = 100


def table(**columns: list[Any]) -> dict[str, list[Any]]:
    draw = np.random.default_rng(0)
    return {
        "size": draw.normal(0, 1, ROWS).tolist(),
        "shade": draw.choice(["red", "blue"], ROWS).tolist(),
        "label": draw.choice(["a", "b"], ROWS).tolist(),
        **columns,
    }


def recipe(target: str = "label", **sections: Any) -> Any:
    # Rows are split one by one, so that changing a row moves no other to another set.
    data = {"source": "given", "target": target, "split": {"group": None, "stratify": False}}
    if sections.get("task") == "regression":
        del data["split"]["stratify"]  # type: ignore[index]
    return parse_recipe({"name": "shades", "data": data | sections.pop("data", {}), **sections})


def test_three_sets_are_prepared():
    prepared = prepare(recipe(), table(), "fail")
    assert prepared.rows == {"train": 60, "validation": 20, "test": 20}
    assert prepared.train.inputs["numbers"].shape == (60, 3)
    assert prepared.validation.inputs["numbers"].shape == (20, 3)
    assert prepared.notices == ()


def test_the_task_is_decided_and_written_into_the_recipe():
    assert prepare(recipe(), table(), "fail").recipe.task == "classification"
    prepared = prepare(recipe("size", data={"split": {}}), table(), "fail")
    assert prepared.recipe.task == prepared.task == "regression"
    values = prepared.scaled(prepared.train.targets)
    np.testing.assert_allclose([values.mean(), values.std()], [0, 1], atol=1e-6)


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"evaluation": {"threshold": 0.5}}, "evaluation.threshold would not be used: it needs task: classification"),
        ({"training": {"loss": "cross_entropy"}}, "training.loss: cross_entropy does not fit task: regression"),
    ],
)
def test_an_option_that_the_decided_task_would_not_use_is_refused(sections: dict[str, Any], message: str):
    with pytest.raises(RecipeError, match=rf"^recipe shades: {message}"):
        prepare(recipe("size", data={"split": {}}, **sections), table(), "fail")


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"features": {"scaling": "quantile"}}, "features.scaling would not be used: it needs a column of numbers"),
        (
            {"features": {"imputation": "knn"}},
            "features.imputation would not be used: it needs a column of numbers with",
        ),
        (
            {"features": {"categories": "embedding"}, "model": {"numbers": "periodic"}},
            "model.numbers would not be used: it needs a column that is no embedded category",
        ),
    ],
)
def test_an_option_that_the_columns_would_not_use_is_refused(sections: dict[str, Any], message: str):
    with pytest.raises(RecipeError, match=message):
        prepare(recipe(data={"drop": ["size"]}, **sections), table(), "fail")


def test_an_encoding_of_categories_needs_some():
    for name, value in (("categories", "embedding"), ("min_count", 3)):
        with pytest.raises(RecipeError, match=f"features.{name} would not be used: it needs a column of categories"):
            prepare(recipe(data={"drop": ["shade"]}, features={name: value}), table(), "fail")


def test_a_threshold_needs_two_classes():
    three = table(label=[str(number % 3) for number in range(ROWS)])
    assert prepare(recipe(), three, "fail").task == "classification"
    with pytest.raises(RecipeError, match=r"^evaluation.threshold would not be used: 'label' has not two classes$"):
        prepare(recipe(evaluation={"threshold": "f1"}), three, "fail")


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_a_bad_row_stops_the_run_or_is_left_out(part: str):
    clean = prepare(recipe(), table(), "fail")
    row = int(getattr(clean.split, part)[3])
    labels: list[str | None] = list(table()["label"])
    labels[row] = None
    with pytest.raises(ContractError) as stopped:
        prepare(recipe(), table(label=labels), "fail")
    assert str(stopped.value).startswith(
        f"frame: 1 row cannot be learnt from\n  row {row + 1}, column 'label': '' is missing: there is nothing to learn"
    )

    skipped = prepare(recipe(), table(label=labels), "skip")
    assert skipped.rows == clean.rows | {part: clean.rows[part] - 1}
    name = {"train": "training"}.get(part, part)
    assert skipped.notices == (f"1 of {clean.rows[part]} {name} rows break the contract: left out",)

    reported = prepare(recipe(), table(label=labels), "report")
    assert reported.notices == (f"left out: row {row + 1}, column 'label': '' is missing: there is nothing to learn",)
    np.testing.assert_array_equal(reported.train.inputs["numbers"], skipped.train.inputs["numbers"])


def test_a_set_without_a_good_row_is_refused():
    sizes: list[Any] = table()["size"]
    for row in prepare(recipe(), table(), "fail").split.test:
        sizes[row] = None
    with pytest.raises(DataError, match=r"^frame: no test row is left: row \d+, column 'size': '' is missing"):
        prepare(recipe(), table(size=sizes), "skip")


@pytest.mark.parametrize("part", ["validation", "test"])
def test_contract_and_features_are_learnt_from_the_training_rows_alone(part: str):
    columns = table()
    clean = prepare(recipe(), columns, "fail")
    for row in getattr(clean.split, part):
        columns["size"][row] = 1e9
        columns["shade"][row] = "ultraviolet"
        columns["label"][row] = "b"
    poisoned = prepare(recipe(), columns, "fail")
    assert poisoned.contract == clean.contract
    assert poisoned.answers == clean.answers
    assert poisoned.features.state()[0] == clean.features.state()[0]
    for name, array in clean.features.state()[1].items():
        np.testing.assert_array_equal(poisoned.features.state()[1][name], array)
    np.testing.assert_array_equal(poisoned.train.inputs["numbers"], clean.train.inputs["numbers"])


def test_the_positive_class_is_the_rarer_one_of_the_training_rows():
    columns = table()
    clean = prepare(recipe(), columns, "fail")
    counts = np.bincount(clean.train.targets)
    rarer = clean.answers.labels[int(np.argmin(counts))]  # type: ignore[union-attr]
    # However the test rows are labelled.
    for row in clean.split.test:
        columns["label"][row] = rarer
    prepared = prepare(recipe(), columns, "fail")
    assert prepared.answers.positive == int(np.argmin(counts))  # type: ignore[union-attr]


@pytest.mark.parametrize("task", ["next_word", "fill_blank"])
def test_a_task_that_answers_at_every_token_has_no_such_rows(task: str):
    recipe = parse_recipe({"name": "verses", "task": task, "data": {"source": "verses.txt"}})
    with pytest.raises(RecipeError, match=rf"^recipe verses: {task} answers at every token: this is for rows with one"):
        prepare(recipe, None, "fail")


def test_rows_that_repeat_others_are_left_out_where_the_recipe_asks(tmp_path: Path):
    rows = [f"{number % 40},{number % 2}" for number in range(80)]
    source = tmp_path / "rows.csv"
    source.write_text("size,answer\n" + "\n".join(rows) + "\n", encoding="utf-8")
    document = {"name": "rows", "data": {"source": str(source), "target": "answer"}}
    assert sum(prepare(parse_recipe(document), None, "fail").rows.values()) == 80
    document["data"] |= {"distinct": True}
    prepared = prepare(parse_recipe(document), None, "fail")
    assert sum(prepared.rows.values()) == 40
    assert prepared.notices[0] == "40 of 80 rows repeat others: left out"


def test_validation_rows_of_their_own_are_used(tmp_path: Path):
    paths = {}
    for name, first in (("train", 0), ("validation", 100), ("test", 200)):
        paths[name] = tmp_path / f"{name}.csv"
        lines = [f"{number},{number % 2}" for number in range(first, first + 20)]
        paths[name].write_text("size,answer\n" + "\n".join(lines) + "\n", encoding="utf-8")
    data = {"source": str(paths["train"]), "validation": str(paths["validation"]), "test": str(paths["test"])}
    prepared = prepare(parse_recipe({"name": "rows", "data": {**data, "target": "answer"}}), None, "fail")
    assert prepared.rows == {"train": 20, "validation": 20, "test": 20}
    assert prepared.validation.columns["size"].min() == 100
