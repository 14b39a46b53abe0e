"""Work on rows that are answered once each: classification and regression."""

from __future__ import annotations

import csv
import dataclasses
import io
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from treadle import kernels
from treadle.bundle import golden
from treadle.bundle.answers import ClassificationAnswers, best_threshold
from treadle.bundle.bundle import Bundle
from treadle.bundle.graph import Graph
from treadle.bundle.predictor import OnBadRow, Predictor
from treadle.data.cells import canonical_text
from treadle.data.split import Leakage
from treadle.evaluation.evaluate import evaluate
from treadle.evaluation.evaluation import Evaluation
from treadle.evaluation.opponents import fit_opponents, names_for
from treadle.evaluation.problem import Problem
from treadle.evaluation.terms import primary_metric
from treadle.nn import build_table_network, to_arrays
from treadle.nn.network import TableNetwork
from treadle.nn.vectors import read_vectors
from treadle.preparation import Prepared, prepare
from treadle.recipe import Recipe, resolve
from treadle.tasks import Classification, Regression, class_weights
from treadle.training import Examples, Trained, train
from treadle.work import Keeping, Say, Tell, silent

EXAMPLES = 20
"""Test rows kept beside the bundle, so that there is a file to try it on."""


@dataclass(frozen=True)
class RowWork:
    """Rows, each with one answer."""

    prepared: Prepared
    opponents: tuple[str, ...]
    unit: ClassVar[str] = "rows"

    @classmethod
    def prepare(cls, recipe: Recipe, data: object, on_bad_row: OnBadRow) -> Self:
        """Of a recipe, with the opponents that fit it."""
        prepared = prepare(recipe, data, on_bad_row)
        recipe = prepared.recipe
        classes = len(prepared.answers.labels) if isinstance(prepared.answers, ClassificationAnswers) else 0
        primary = primary_metric(classes, recipe.training.loss)
        kinds = {field.kind for field in prepared.contract.features}
        of_texts, of_columns = "text" in kinds, kinds != {"text"}
        asked = recipe.evaluation.opponents
        names = names_for(prepared.task, primary, asked, of_texts=of_texts, of_columns=of_columns)
        return cls(prepared, tuple(names))

    @property
    def recipe(self) -> Recipe:
        return self.prepared.recipe

    @property
    def notices(self) -> tuple[str, ...]:
        return self.prepared.notices

    @property
    def rows(self) -> dict[str, int]:
        return self.prepared.rows

    @property
    def leakage(self) -> Leakage:
        return self.prepared.split.leakage

    def train(self, keeping: Keeping, say: Say, progress: Tell | None) -> Trained[TableNetwork]:
        prepared = self.prepared
        task = build_task(prepared)
        if prepared.features.text is not None:
            kernels.prepare(say)
        return train(
            task,
            build_network(prepared, task, say),
            Examples(prepared.train.inputs, prepared.scaled(prepared.train.targets)),
            Examples(prepared.validation.inputs, prepared.scaled(prepared.validation.targets)),
            prepared.recipe.training,
            checkpoint=keeping.checkpoint,
            resume=keeping.resume,
            report=progress,
            tensorboard=keeping.tensorboard,
        )

    def bundle(self, network: TableNetwork) -> Bundle:
        return _settle_answers(_bundle(self.prepared, network, build_task(self.prepared)), self.prepared)

    def judge(self, bundle: Bundle, path: Path) -> Evaluation:
        return _judge(bundle, self.prepared, list(self.opponents), path)

    def examples(self) -> str:
        """As CSV, without their target."""
        return _examples(self.prepared)


def _vectors(prepared: Prepared, say: Say) -> NDArray[np.float32] | None:
    """Where the words' embeddings begin, shape (vocabulary, width); None where they begin at random."""
    recipe, text = prepared.recipe.model.text, prepared.features.text
    if recipe.vectors is None or text is None or text.vocabulary.tokens is None:
        return None
    vectors = read_vectors(recipe.vectors, text.vocabulary.tokens, recipe.embedding_width)
    found = int((~np.isnan(vectors[:, 0])).sum())
    say(f"{found:,} of {len(vectors):,} words begin at their vector in {recipe.vectors}")
    return vectors


def build_network(prepared: Prepared, task: Classification | Regression, say: Say | None = None) -> TableNetwork:
    """The untrained network of the prepared rows."""
    recipe = prepared.recipe
    return build_table_network(
        recipe.model,
        number_columns=len(prepared.features.number_names),
        cardinalities=prepared.features.cardinalities,
        outputs=task.outputs,
        train_numbers=prepared.train.inputs.get("numbers"),
        rng=np.random.default_rng(recipe.training.seed),
        vocabulary=prepared.features.vocabulary,
        vectors=_vectors(prepared, say or silent),
    )


def build_task(prepared: Prepared) -> Classification | Regression:
    """The task of the prepared rows, with its loss."""
    recipe = prepared.recipe.training
    if isinstance(prepared.answers, ClassificationAnswers):
        weights = recipe.class_weights
        if isinstance(weights, dict):
            weights = {canonical_text(name): weight for name, weight in weights.items()}
        classes = prepared.contract.target.categories
        return Classification(len(classes), class_weights(weights, classes, prepared.train.targets))
    return Regression(recipe.loss) if recipe.loss in ("mse", "mae", "huber") else Regression()


def _bundle(prepared: Prepared, network: TableNetwork, task: Classification | Regression) -> Bundle:
    graph = Graph(prepared.recipe.name)
    task.write(network, graph)
    return Bundle(
        name=prepared.recipe.name,
        task=prepared.task,
        recipe=_resolved(prepared),
        contract=prepared.contract,
        features=prepared.features,
        answers=prepared.answers,
        weights=to_arrays(network),
        onnx=graph.to_bytes(),
        leakage=prepared.split.leakage.model_dump(mode="json"),
        split=prepared.rows,
    )


def _resolved(prepared: Prepared) -> dict[str, Any]:
    """The recipe as the bundle keeps it: it can be trained again as it stands."""
    document = resolve(prepared.recipe)
    if isinstance(prepared.answers, ClassificationAnswers) and prepared.answers.positive is None:
        # Only two classes have a threshold.
        del document["evaluation"]["threshold"]
    return document


def _settle_answers(bundle: Bundle, prepared: Prepared) -> Bundle:
    """The bundle with the decision threshold that the recipe asks for, found on the validation rows."""
    answers, asked = bundle.answers, prepared.recipe.evaluation.threshold
    if not isinstance(answers, ClassificationAnswers) or answers.positive is None:
        return bundle
    threshold = asked
    if isinstance(asked, str):
        probabilities = Predictor(bundle).outputs(prepared.validation.columns)[:, answers.positive]
        threshold = best_threshold(probabilities, prepared.validation.targets == answers.positive, asked)
    return dataclasses.replace(bundle, answers=answers.model_copy(update={"threshold": threshold}))


def _judge(bundle: Bundle, prepared: Prepared, names: list[str], path: Path) -> Evaluation:
    """Save the bundle, judge it through the predictor of the saved file, and save it again with what was found."""
    recipe = prepared.recipe
    problem = Problem.of(prepared.train, prepared.validation, Predictor(bundle), recipe.training.seed)
    opponents = fit_opponents(names, problem, recipe.evaluation.threshold)
    test = prepared.test_table
    bundle = dataclasses.replace(bundle, golden=golden.record(Predictor(bundle), test))
    draft = path.with_suffix(".draft")
    try:
        bundle.save(draft)
        evaluation = evaluate(Predictor.load(draft), test, opponents, seed=recipe.training.seed)
    finally:
        draft.unlink(missing_ok=True)
    dataclasses.replace(bundle, evaluation=evaluation.model_dump(mode="json")).save(path)
    return evaluation


def _examples(prepared: Prepared) -> str:
    """Some raw test rows without their target, as a CSV to try the bundle on."""
    names = [field.name for field in prepared.contract.features]
    table = prepared.test_table.take(np.arange(min(EXAMPLES, len(prepared.test_table))))
    absent = min(prepared.contract.missing, default="")
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(names)
    for row in zip(*(table.columns[name].tolist() for name in names), strict=True):
        writer.writerow([absent if cell is None or (isinstance(cell, float) and isnan(cell)) else cell for cell in row])
    return text.getvalue()
