"""CARD.md: what a bundle is, in the form of a model card, from the bundle's own facts.

Sections after Mitchell et al. 2019, Model Cards for Model Reporting, section 4, under the headings and the metadata
that Hugging Face's template gives them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from treadle.bundle.answers import ClassificationAnswers, TaggingAnswers, WordAnswers
from treadle.data.catalogue import datasets
from treadle.features.vocabulary import FIRST

if TYPE_CHECKING:
    from treadle.bundle.bundle import Bundle

Figures = Mapping[str, Any]

_MARKS = re.compile(r"([\\`*_{}\[\]<>#|~$])")
_PARTS = ("train", "validation", "test")
_CLASSES_SHOWN = 20


def render_card(bundle: Bundle) -> str:
    """The model card of `bundle`, as Markdown; the same bundle always gives the same text."""
    sections = (
        _metadata(bundle),
        _head(bundle),
        _use(bundle),
        _how_to(bundle),
        _data(bundle),
        _contract(bundle),
        _evaluation(bundle),
        _limits(bundle),
        _technical(bundle),
    )
    return "\n\n".join("\n".join(section) for section in sections) + "\n"


def _metadata(bundle: Bundle) -> Iterator[str]:
    yield "---"
    yield "library_name: treadle"
    reads = "text" if {field.kind for field in bundle.contract.features} == {"text"} else "tabular"
    # The names under which the hub of models sorts them.
    tags = {"next_word": "text-generation", "fill_blank": "fill-mask", "tagging": "token-classification"}
    yield f"pipeline_tag: {tags.get(bundle.task, f'{reads}-{bundle.task}')}"
    yield f"model_name: {json.dumps(bundle.name)}"
    yield f"tags: [{reads}, onnx]"
    yield "---"


def _head(bundle: Bundle) -> Iterator[str]:
    verdict = (bundle.evaluation or {}).get("verdict")
    yield f"# {_plain(bundle.name)}"
    yield ""
    name = _plain(bundle.contract.target_name)
    heads = {
        "next_word": f"A language model: it foretells the next word of **{name}**, and writes on.",
        "fill_blank": f"A neural network that names the word missing from **{name}**, by what stands on both sides.",
        "tagging": f"A neural network that tags every word of a sentence: **{name}**.",
    }
    yield heads.get(bundle.task, f"A neural network for rows of a table: {bundle.task} of **{name}**.")
    if verdict:
        yield ""
        yield f"**Verdict:** {_plain(_sentence(verdict))}"


def _use(bundle: Bundle) -> Iterator[str]:
    target = _plain(bundle.contract.target_name)
    yield "## Uses"
    uses = {
        "next_word": "To foretell and write text of the kind it was trained on.",
        "fill_blank": "To name the missing word in text of the kind it was trained on.",
        "tagging": f"To find {target} of sentences like those it was trained on, cut into words the same way.",
    }
    rows = f"To predict {target} for rows like those it was trained on: with the columns below, collected the same way."
    yield uses.get(bundle.task, rows)
    yield ""
    yield (
        "Out of scope: rows from another population, place or time than the data; deciding about people with nobody "
        "to overrule the answer; taking what the network looks at for a cause."
    )


def _how_to(bundle: Bundle) -> Iterator[str]:
    row = bundle.contract.example_row()
    file = f"{bundle.name}.treadle"
    # A fence must be longer than any run of its own sign in what it holds.
    fence = max([*re.findall("`+", repr(row)), "``"], key=len) + "`"
    yield "## How to get started"
    yield f"{fence}python"
    yield "import treadle"
    yield ""
    yield f"predictor = treadle.load({file!r})"
    yield f"predictor.predict({row!r}).records()"
    yield fence


def _data(bundle: Bundle) -> Iterator[str]:
    recipe = bundle.recipe.get("data", {})
    source = str(recipe.get("source", "not recorded"))
    entry = datasets().get(source)
    yield "## Training data"
    if entry is not None:
        yield f"{_plain(entry.description)} Data set `{entry.name}` of the catalogue."
        yield ""
        yield f"- Licence of the data: {_plain(entry.licence)}"
        yield f"- Source: {_plain(entry.citation)}"
    else:
        yield f"Source: {_code(source)}. Its licence is not known to Treadle."
        yield ""
    if recipe.get("drop"):
        yield f"- Columns left out: {', '.join(map(_code, recipe['drop']))}"
    yield from _split_lines(bundle)
    yield from _leakage_lines(bundle.leakage)


def _split_lines(bundle: Bundle) -> Iterator[str]:
    if bundle.split:
        yield "- Rows: " + ", ".join(f"{bundle.split[part]:,} {part}" for part in _PARTS if part in bundle.split)
    split = bundle.recipe.get("data", {}).get("split", {})
    if "group" in split:
        groups = [split["group"]] if isinstance(split["group"], str) else split["group"] or []
        host = "host in " if split.get("group_by") == "host" else ""
        kept = [
            "rows equal in every feature stay together"
            if group == "distinct"
            else f"rows of one {host}{_code(str(group))} stay together"
            for group in groups
        ]
        yield f"- Split: {'; '.join(kept) or 'row by row'}; seed {split.get('seed')}"


def _leakage_lines(leakage: Figures) -> Iterator[str]:
    if "distinct_rows" in leakage and leakage.get("rows"):
        distinct, rows = leakage["distinct_rows"], leakage["rows"]
        yield f"- Distinct rows: {distinct:,} of {rows:,} differ in some feature"
    if leakage.get("contradictory_rows"):
        ceiling = leakage.get("ceiling")
        rows = f"{leakage['contradictory_rows']:,}"
        limit = f"; no function of the features can exceed an accuracy of {ceiling:.4f}" if ceiling is not None else ""
        yield f"- Contradictions: {rows} rows share their features with a row of another label{limit}"
    if "test_rows_seen" in leakage:
        seen = f"{leakage['test_rows_seen']:,} test rows ({100 * leakage.get('share', 0.0):.1f} %)"
        yield f"- Leakage: {seen} have features that stand in training too"


def _contract(bundle: Bundle) -> Iterator[str]:
    yield "## Columns"
    yield "What the training rows held. Other columns and the order do not matter."
    yield ""
    yield from _grid(
        ("column", "kind", "seen in training"),
        ((_plain(field.name), field.kind, _plain(field.describe())) for field in bundle.contract.features),
    )
    yield ""
    answers = bundle.answers
    if isinstance(answers, ClassificationAnswers):
        yield f"Classes of {_plain(bundle.contract.target.name)}: {_listed(answers.labels)}."
        if answers.threshold is not None and answers.positive is not None:
            label = _code(answers.labels[answers.positive])
            yield f"The answer is {label} from a probability of {answers.threshold:.4g} on."
    elif isinstance(answers, TaggingAnswers):
        yield f"Tags: {_listed(answers.labels)}."
    elif isinstance(answers, WordAnswers):
        yield f"Answers are words, of {answers.outputs - 2 - FIRST:,} that it knows; any other is unknown to it."
    else:
        yield f"Answers are in the units of {_plain(bundle.contract.target.name)}, and are not clipped to its range."


def _evaluation(bundle: Bundle) -> Iterator[str]:
    yield "## Evaluation"
    found = bundle.evaluation
    if not found:
        yield "Not evaluated."
        return
    rows = f"{found.get('rows', bundle.split.get('test')):,} test rows"
    counted = rows if found.get("tokens") is None else f"{found['tokens']:,} words of {rows}"
    yield f"On {counted} that neither training nor any choice has seen, through this bundle's own predictor."
    yield from _words(found)
    confidence = found.get("confidence")
    if confidence is not None and found.get("resamples"):
        yield f"Intervals hold {100 * confidence:g} % of {found['resamples']:,} bootstrap resamples."
    if found.get("positive") is not None:
        positive = f"{_plain(found.get('target', 'class'))} = {_code(found['positive'])}"
        yield f"Precision, recall, F1, ROC AUC and the Brier score speak of {positive}."
    yield ""
    yield from _figures(found)
    yield from _differences(found)
    calibration = found.get("calibration")
    if calibration:
        yield ""
        error = f"{calibration['error']:.4f}"
        yield f"Calibration: probabilities are off by {error} on average (expected calibration error)."
    if found.get("confusion"):
        yield ""
        yield from _confusion(found["confusion"], "tag" if found.get("tokens") is not None else "class")


def _words(found: Figures) -> Iterator[str]:
    if found.get("vocabulary") is None:
        return
    least = found.get("min_count") or 1
    times = f" that training saw at least {least:,} times" if least > 1 else ""
    yield f"The vocabulary has {found['vocabulary']:,} words{times}."
    if found.get("unknown_share"):
        one = "" if found.get("labels") else ": for every model they are one word more, and none is right about them"
        yield f"{100 * found['unknown_share']:.1f} % of the words counted are not in it{one}."


def _figures(found: Figures) -> Iterator[str]:
    opponents: Figures = found.get("opponents", {})
    intervals: Figures = found.get("intervals", {})

    def rows() -> Iterator[tuple[str, ...]]:
        for name, value in sorted(found.get("metrics", {}).items()):
            interval = intervals.get(name)
            between = f"{_number(interval[0])} to {_number(interval[1])}" if interval else ""
            others = (_number(opponents[opponent].get(name)) for opponent in sorted(opponents))
            yield (_code(name), f"**{_number(value)}**", between, *others)

    yield from _grid(("metric", "network", "interval", *map(_code, sorted(opponents))), rows())


def _differences(found: Figures) -> Iterator[str]:
    differences: Figures = found.get("differences", {})
    if differences:
        yield ""
        yield "Network less opponent, on the same rows and resamples:"
        yield ""
        yield from _grid(
            ("opponent", "metric", "difference", "interval"),
            (
                (
                    _code(name),
                    _code(each["metric"]),
                    _number(each["difference"]),
                    f"{_number(each['low'])} to {_number(each['high'])}",
                )
                for name, each in sorted(differences.items())
            ),
        )


def _confusion(confusion: Figures, label: str) -> Iterator[str]:
    labels = confusion["labels"]
    if len(labels) > _CLASSES_SHOWN:
        return
    yield f"How often each {label} was answered:"
    yield ""
    yield from _grid(
        ("truth", *(f"answered {_code(label)}" for label in labels)),
        (
            (_code(label), *(f"{count:,}" for count in counts))
            for label, counts in zip(labels, confusion["counts"], strict=True)
        ),
    )


def _limits(bundle: Bundle) -> Iterator[str]:
    found = bundle.evaluation or {}
    yield "## Bias, risks and limitations"
    if found.get("outcome") == "no_signal":
        yield "- The features say nothing about the target that the trivial answer does not: do not use these answers."
    yield "- Numbers outside the ranges above and unseen categories are answered, with a notice, but were never tested."
    if isinstance(bundle.answers, ClassificationAnswers):
        yield "- Probabilities hold for a population with the class shares of the data."
    if found.get("skipped"):
        yield f"- {found['skipped']:,} test rows broke the contract and were left out of the figures."
    if bundle.leakage.get("test_rows_seen"):
        yield "- Part of the test rows stand in training too: on new rows expect less than the figures say."
    yield "- Figures were not taken group by group: check the groups that matter (age, sex, region) first."
    if bundle.golden.rows:
        yield f"- `golden.json` holds {len(bundle.golden.rows)} rows of the data: share it as you would those."


def _technical(bundle: Bundle) -> Iterator[str]:
    weights = sum(array.size for array in bundle.weights.values())
    model = bundle.recipe.get("model", {})
    training = bundle.recipe.get("training", {})
    yield "## Technical specifications"
    yield f"- Made by Treadle {_plain(bundle.treadle)}; the resolved recipe stands in `manifest.json`."
    yield f"- {weights:,} weights in `weights.safetensors`; the network as ONNX in `model.onnx`."
    for title, section in (("Network", model), ("Training", training)):
        if section:
            settings = ", ".join(
                f"{key} {_code(_json(value))}" for key, value in sorted(section.items()) if value is not None
            )
            yield f"- {title}: {settings}"
    yield "- `treadle verify` replays the rows of `golden.json` and compares the answers."


def _grid(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    names = tuple(head)
    yield f"| {' | '.join(names)} |"
    yield f"|{' --- |' * len(names)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _listed(labels: tuple[object, ...]) -> str:
    shown = ", ".join(map(_code, labels[:_CLASSES_SHOWN]))
    more = len(labels) - _CLASSES_SHOWN
    return f"{shown} and {more:,} more" if more > 0 else shown


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.4f}" if abs(value) < 100 else f"{value:,.1f}" if abs(value) < 1000 else f"{value:,.0f}"


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if text.endswith(".") else f"{text}."


def _plain(text: object) -> str:
    """`text` on one line, such that Markdown shows it letter by letter."""
    return _MARKS.sub(r"\\\1", " ".join(str(text).split()))


def _code(text: object) -> str:
    """`text` as code; what Markdown would end it with is replaced."""
    shown = _json(text) if isinstance(text, bool) else str(text)
    return f"`{' '.join(shown.split()).replace('`', chr(39)).replace('|', '¦')}`"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
