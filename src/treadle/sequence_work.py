"""Work on texts that are answered at their tokens: the next word, a tag, a missing word."""

from __future__ import annotations

import csv
import dataclasses
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from treadle import kernels
from treadle.bundle import golden
from treadle.bundle.answers import TaggingAnswers, WordAnswers
from treadle.bundle.bundle import Bundle
from treadle.bundle.generation import open_language
from treadle.bundle.graph import Graph
from treadle.bundle.predictor import OnBadRow, Predictor
from treadle.bundle.replay import write_texts
from treadle.data.contract import Contract
from treadle.data.infer import learn
from treadle.data.sources import from_frame, read_table
from treadle.data.split import Leakage, Split, split, without_repeats
from treadle.data.table import Table
from treadle.errors import DataError
from treadle.evaluation.evaluation import Evaluation
from treadle.evaluation.judging import evaluate_lines, lines_to_judge, terms_of
from treadle.evaluation.opponents import names_for
from treadle.evaluation.sequences import fit_sequence_opponents
from treadle.evaluation.spans import mark_spans
from treadle.evaluation.terms import primary_of_sequences
from treadle.features import Features
from treadle.features.block import Columns
from treadle.features.sequences import GAP, NOT_DUE, Line, Sequences
from treadle.features.text import Text
from treadle.features.vocabulary import UNKNOWN
from treadle.nn import to_arrays
from treadle.nn.sequence import SequenceNetwork, build_sequence_network
from treadle.nn.sequence_onnx import write as write_graph
from treadle.nn.vectors import read_vectors
from treadle.preparation import Part, keep_good
from treadle.recipe import WORD_TASKS, Format, Recipe, resolve
from treadle.tasks import FieldClassification, TokenClassification
from treadle.training import Examples, Trained, train
from treadle.training.sequences import line_examples, running_examples, running_validation
from treadle.work import Keeping, Say, Tell, silent

TEST = "test"
EXAMPLES = 20
"""Test lines kept beside the bundle, so that there is a file to try it on."""


@dataclass(frozen=True)
class SequenceWork:
    """Lines, each with an answer at every token."""

    recipe: Recipe
    contract: Contract
    features: Features
    split: Split
    train_columns: Columns
    validation_columns: Columns
    test_table: Table
    notices: tuple[str, ...]
    opponents: tuple[str, ...]

    @classmethod
    def prepare(cls, recipe: Recipe, data: object, on_bad_row: OnBadRow) -> Self:
        """What the recipe's data give.

        Raises:
            DataError: the source cannot be read, or nothing can be learnt from it.
            ContractError: rows break the contract and `on_bad_row` is `fail`.
        """
        task, read = recipe.task, recipe.data
        assert task is not None
        whole = from_frame(data) if data is not None else _read(recipe, read.source)
        validation, test = (None if own is None else _read(recipe, own) for own in (read.validation, read.test))
        whole, repeats = without_repeats(whole, read, task)
        parts = split(whole, read, task, test, validation)
        tables = parts.tables(whole, test, validation)
        contract, learnt = learn(tables[0], read, task)
        notices = [*repeats, *learnt]
        sets = ("training", "validation", TEST)
        kept = [keep_good(name, contract, table, on_bad_row, notices) for name, table in zip(sets, tables, strict=True)]
        notices += [f"{name} rows: {told}" for name, part in zip(sets, kept, strict=True) for told in part.notices]
        features = Features.fit(contract, kept[0].columns, recipe.features, Sequences.of(recipe))
        spans = task == "tagging" and mark_spans(contract.target.categories)
        names = names_for(task, primary_of_sequences(task, spans=spans), recipe.evaluation.opponents)
        work = cls(
            recipe=recipe,
            contract=contract,
            features=features,
            split=parts,
            train_columns=kept[0].columns,
            validation_columns=kept[1].columns,
            test_table=kept[2].table,
            notices=tuple(notices),
            opponents=tuple(names),
        )
        for name, part in zip(sets, kept, strict=True):
            work._require_answers(name, part)
        return work

    @property
    def unit(self) -> str:
        """What a row is."""
        return "sentences" if self.recipe.task == "tagging" else "lines"

    @property
    def rows(self) -> dict[str, int]:
        """Rows of each set."""
        train, validation = (len(columns[self._name]) for columns in (self.train_columns, self.validation_columns))
        return {"train": train, "validation": validation, "test": len(self.test_table)}

    @property
    def leakage(self) -> Leakage:
        """What of the test rows was seen in training."""
        return self.split.leakage

    @property
    def text(self) -> Text:
        """How a line is cut."""
        assert self.features.text is not None
        return self.features.text

    @property
    def sequence(self) -> Sequences:
        """How a line is read."""
        assert self.features.sequence is not None
        return self.features.sequence

    @property
    def labels(self) -> tuple[str, ...]:
        """Tags, by the codes that stand for them."""
        return self.contract.target.categories if self.recipe.task == "tagging" else ()

    @property
    def outputs(self) -> int:
        """What the network gives at every token."""
        return len(self.labels) or self.sequence.outputs(self.text)

    @property
    def _name(self) -> str:
        return self.text.columns[0]

    def lines_of(self, columns: Columns) -> list[Line]:
        """What the network reads of checked rows, and what is due there."""
        if self.recipe.task != "tagging":
            return self.sequence.lines(self.text, columns)
        lines = lines_to_judge(self.features, self.contract, columns)
        return [Line(reads, due) for reads, due in zip(lines.inputs, lines.targets, strict=True)]

    def _require_answers(self, name: str, part: Part) -> None:
        """Refuse a set of rows at which nothing is due that could be learnt or judged.

        Raises:
            DataError: so it is; says what to do.
        """
        lines, tagging = self.lines_of(part.columns), self.recipe.task == "tagging"
        end = NOT_DUE if tagging else self.sequence.end(self.text)
        # What is judged need not have a loss.
        scored = np.ones(len(lines), np.bool_) if name == TEST else self._scored(lines)
        if any(((line.due >= 0) & (line.due != end)).any() for line, has in zip(lines, scored, strict=True) if has):
            return
        reading = self.recipe.features.text
        less = ", or leave less out by features.text.drop" if reading.drop else ""
        marks = "" if reading.marks else ", or give them a beginning by features.text.marks"
        what = "sentence with tags that training saw" if tagging else f"word to answer: bring longer ones{less}{marks}"
        raise DataError(f"{part.table.source}: the {name} {self.unit} ({len(part.table):,}) hold no {what}")

    def _scored(self, lines: list[Line]) -> NDArray[np.bool_]:
        """Which lines have a loss: a field scores all tags of a sentence together, and knows only those it saw."""
        field = self.recipe.model.sequence.crf
        return np.array([not field or bool((line.due >= 0).all()) for line in lines], np.bool_)

    def train(self, keeping: Keeping, say: Say, progress: Tell | None) -> Trained[SequenceNetwork]:
        """The trained network."""
        kernels.prepare(say)
        return train(
            self.objective(),
            self.network(say),
            self.noised(self.examples_of(self.train_columns, learnt=True)),
            self.examples_of(self.validation_columns, learnt=False),
            self.recipe.training,
            checkpoint=keeping.checkpoint,
            resume=keeping.resume,
            report=progress,
            tensorboard=keeping.tensorboard,
        )

    def objective(self) -> TokenClassification | FieldClassification:
        """What training makes small."""
        return (FieldClassification if self.recipe.model.sequence.crf else TokenClassification)(self.outputs)

    def examples_of(self, columns: Columns, *, learnt: bool) -> Examples:
        """Checked rows as the training loop takes them."""
        lines = self.lines_of(columns)
        if self.sequence.running:
            training = self.recipe.training
            [line] = lines
            if learnt:
                return running_examples(line, training.batch_size, training.unroll)
            return running_validation(line, training.unroll)
        scored = self._scored(lines)
        kept = [line for line, has in zip(lines, scored, strict=True) if has]
        if not self.text.recipe.affixes:
            return line_examples(kept)
        affixes = self.text.transform(columns)["affixes"][scored]
        return line_examples(kept, affixes[:, : max(len(line.reads) for line in kept)])

    def noised(self, examples: Examples) -> Examples:
        """Examples to learn from, with the chance of every token to be taken for unknown."""
        noise, tokens = self.recipe.model.sequence.unknown_noise, examples.inputs["tokens"]
        if not noise:
            return examples
        size = self.text.vocabulary.size
        present = np.arange(tokens.shape[1]) < examples.inputs["lengths"][:, None]
        counts = np.bincount(tokens[present], minlength=self.sequence.outputs(self.text))
        chances = (noise / (noise + np.maximum(counts, 1))).astype(np.float32)
        # Neither padding nor marks are words, and what is unknown stays so.
        chances[: UNKNOWN + 1] = chances[size:] = 0.0
        inputs = examples.inputs | {"noise_read": chances[tokens]}
        if self.recipe.task != "tagging":
            inputs["noise_due"] = np.where(examples.targets < 0, 0.0, chances[examples.targets]).astype(np.float32)
        return dataclasses.replace(examples, inputs=inputs)

    def network(self, say: Say = silent) -> SequenceNetwork:
        """The untrained network of the prepared lines."""
        recipe, reading = self.recipe, self.recipe.features.text
        network = recipe.model.sequence
        assert recipe.task is not None
        due = np.concatenate([line.due for line in self.lines_of(self.train_columns)])
        counts = np.bincount(due[due >= 0], minlength=self.outputs)
        return build_sequence_network(
            recipe.task,
            network,
            numbers=self.sequence.outputs(self.text),
            outputs=self.outputs,
            rng=np.random.default_rng(recipe.training.seed),
            affixes=(reading.affix_buckets, network.affix_width) if reading.affixes else None,
            shares=counts / max(1, counts.sum()),
            vectors=self._vectors(say),
            streams=recipe.training.batch_size if self.sequence.running else 0,
        )

    def _vectors(self, say: Say) -> NDArray[np.float32] | None:
        network, words = self.recipe.model.sequence, self.text.vocabulary.tokens
        if network.vectors is None or words is None:
            return None
        vectors = read_vectors(network.vectors, words, network.embedding_width, "model.sequence")
        found = int((~np.isnan(vectors[:, 0])).sum())
        say(f"{found:,} of {len(vectors):,} words begin at their vector in {network.vectors}")
        return vectors

    def bundle(self, network: SequenceNetwork) -> Bundle:
        """What is kept of a trained network."""
        task = self.recipe.task
        assert task is not None
        network = network.settled()
        graph = Graph(self.recipe.name)
        slots = self.text.slots if self.text.recipe.affixes else 0
        write_graph(network, graph, slots=slots, words=task in WORD_TASKS, steps=task == "next_word")
        return Bundle(
            name=self.recipe.name,
            task=task,
            recipe=resolve(self.recipe),
            contract=self.contract,
            features=self.features,
            answers=self._answers(network),
            weights=to_arrays(network),
            onnx=graph.to_bytes(),
            leakage=self.leakage.model_dump(mode="json"),
            split=self.rows,
        )

    def _answers(self, network: SequenceNetwork) -> TaggingAnswers | WordAnswers:
        task = self.recipe.task
        if task == "next_word" or task == "fill_blank":  # noqa: PLR1714 - narrows the type
            return WordAnswers(task=task, outputs=self.outputs)
        if network.crf is None:
            return TaggingAnswers(labels=self.labels)
        return TaggingAnswers(
            labels=self.labels,
            transitions=_rows_of(network.crf.transitions),
            first=_row_of(network.crf.first),
            last=_row_of(network.crf.last),
        )

    def judge(self, bundle: Bundle, path: Path) -> Evaluation:
        """Save the bundle, judged through the predictor of the saved file beside its opponents."""
        recipe = self.recipe
        train, validation = (
            lines_to_judge(self.features, self.contract, columns)
            for columns in (self.train_columns, self.validation_columns)
        )
        terms = terms_of(self.features, self.contract, train)
        assert recipe.task is not None
        opponents = fit_sequence_opponents(list(self.opponents), train, validation, recipe.task, terms)
        bundle = dataclasses.replace(bundle, golden=self._golden(Predictor(bundle)))
        draft = path.with_suffix(".draft")
        try:
            bundle.save(draft)
            evaluation = evaluate_lines(
                Predictor.load(draft), self.test_table, opponents, terms, seed=recipe.training.seed
            )
        finally:
            draft.unlink(missing_ok=True)
        dataclasses.replace(bundle, evaluation=evaluation.model_dump(mode="json")).save(path)
        return evaluation

    def _golden(self, predictor: Predictor) -> golden.Golden:
        kept = golden.record(predictor, self._asked())
        if self.recipe.task != "next_word":
            return kept
        texts = write_texts(open_language(predictor), [row[self._name] for row in kept.rows])
        return kept.model_copy(update={"written": texts})

    def _asked(self) -> Table:
        """Test rows as someone would ask them: lines begun, lines with a gap, sentences."""
        table = self.test_table.take(np.arange(min(EXAMPLES, len(self.test_table))))
        lines = [ask(self.recipe.task, str(line)) for line in table.columns[self._name].tolist()]
        return Table({self._name: np.array(lines, dtype=object)}, table.numbers, table.source)

    def examples(self) -> str:
        """Test rows as someone would ask them, as CSV."""
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow([self._name])
        writer.writerows([line] for line in self._asked().columns[self._name].tolist())
        return text.getvalue()


def ask(task: str | None, line: str) -> str:
    """A line as someone would ask it: its first half, or with a gap in its middle."""
    # A gap that stands there already would be a second one.
    words = [word for word in line.split() if task != "fill_blank" or not GAP.search(word)]
    middle = len(words) // 2
    if task == "next_word":
        return " ".join(words[: max(1, middle)])
    if task == "fill_blank":
        return " ".join([*words[:middle], "___", *words[middle + 1 :]])
    return line


def _read(recipe: Recipe, source: str) -> Table:
    data = recipe.data
    query = data.query if source == data.source else None
    # Tags need a form that holds them; what only has words is plain text.
    plain: Format = "lines" if recipe.task in WORD_TASKS else "table"
    return read_table(source, query=query, encoding=data.encoding, format=data.format, plain=plain)


def _row_of(array: Any) -> tuple[float, ...]:
    return tuple(np.asarray(array, np.float64).tolist())


def _rows_of(array: Any) -> tuple[tuple[float, ...], ...]:
    return tuple(map(_row_of, np.asarray(array)))
