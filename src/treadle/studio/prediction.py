"""One row: controls, and after a click the answer, what to doubt in it, and what moved it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from treadle.bundle.answers import ClassificationAnswers, TaggingAnswers, WordAnswers
from treadle.bundle.predictor import UNREAD, Predictor
from treadle.data.contract import Checked, Fault, Field
from treadle.data.sources import from_rows
from treadle.data.tokens import as_cell, cut_at_blanks
from treadle.errors import ContractError, TreadleError
from treadle.features.prose import separate
from treadle.inspection.contributions import Contributions, contributions
from treadle.recipe import Task
from treadle.studio import charts, controls, moving_words, sentence
from treadle.studio.text import capital, number, percent, plain, plain_lines

PERMUTATIONS = 32
MOST_BARS = 10
MOST_CLASSES = 10
LONGEST_CELL = 60
_EXAMPLES: dict[Task, str] = {"tagging": "They went to New York.", "fill_blank": "They went ___ New York."}
LONGEST_JSON = 20_000
"""Characters of a row that are worth showing; a longer one would only be sent back to the browser."""


@dataclass(frozen=True)
class Answer:
    """What was asked and what came out, kept so that a later interaction elsewhere on the page changes nothing."""

    row: dict[str, object]
    columns: dict[str, Any]
    """The only row of `Predictions.columns`."""
    doubts: tuple[str, ...]
    moved: Contributions | None
    """None where a text is the only column."""


def show(predictor: Predictor, key: str) -> None:
    """Draw the controls; predict when the button is clicked, and not before."""
    with st.form(f"{key}/row", enter_to_submit=False):
        row = controls.ask(predictor.contract.features, key, _EXAMPLES.get(predictor.task, ""))
        clicked = st.form_submit_button("Predict", type="primary", icon=":material/play_arrow:")
    kept, words = f"{key}/answer", f"{key}/words"
    if clicked:
        st.session_state.pop(words, None)
        try:
            st.session_state[kept] = answer(predictor, row)
        except TreadleError as error:
            st.session_state.pop(kept, None)
            st.error(plain_lines(error), icon=":material/error:")
            return
    if kept not in st.session_state:
        st.caption(f"{_hint(predictor)}, then press Predict.")
        return
    given = st.session_state[kept]
    with _show_answer(predictor, given):
        if predictor.bundle.features.text is not None and predictor.bundle.features.sequence is None:
            moving_words.show(predictor, given.row, key, words)
        if given.moved is not None:
            _show_moved(predictor, given, given.moved)


def _hint(predictor: Predictor) -> str:
    if predictor.task == "fill_blank":
        return f"Type a sentence with {plain('___')} where a word is missing"
    if any(field.kind != "text" for field in predictor.contract.features):
        return "The controls show a typical row. Set what you know"
    return "Type or paste a sentence" if predictor.task == "tagging" else "Type or paste a text"


def answer(predictor: Predictor, row: dict[str, object]) -> Answer:
    """The answer to one row, with what to doubt in it.

    Raises:
        ContractError: the row breaks the contract.
    """
    row = _in_tokens(predictor, row)
    checked = predictor.check(from_rows([row]))
    if checked.faults:
        raise ContractError("\n".join(_fault(fault) for fault in checked.faults))
    predictions = predictor.predict(row)
    columns = {name: column[0] for name, column in predictions.columns.items()}
    fields = predictor.contract.features
    alone = len(fields) == 1 and fields[0].kind == "text"
    moved = None if alone else contributions(predictor, row, permutations=PERMUTATIONS, seed=0)
    notices = [UNREAD] if predictions.unread else []
    if predictor.bundle.features.sequence is not None:
        notices += checked.notices
    doubts = (*_doubts(predictor, row, checked), *(f"{capital(notice)}." for notice in notices))
    return Answer(row, columns, doubts, moved)


def _in_tokens(predictor: Predictor, row: dict[str, object]) -> dict[str, object]:
    """The row as a tagger reads it, from prose as a person types it; of other tasks as it is."""
    text = predictor.bundle.features.text
    if predictor.task != "tagging" or text is None:
        return row
    return {name: cell and as_cell(separate(text, str(cell))) for name, cell in row.items()}


def _fault(fault: Fault) -> str:
    return f"{fault.column}: {fault.value!r} {fault.reason}" if fault.value else f"{fault.column} {fault.reason}"


def _doubts(predictor: Predictor, row: dict[str, object], checked: Checked) -> list[str]:
    """Cells of `row` that training saw nothing like: the answer is a guess beyond what was learnt."""
    sentences = []
    for field in predictor.contract.features:
        if field.kind == "text":
            continue
        value = float(checked.columns[field.name][0])
        cell = _cell(row[field.name])
        if field.kind == "category" and value == len(field.categories):
            sentences.append(f"{field.name}: training saw no {cell!r}. It is answered as any unseen category would be.")
        elif field.kind in ("number", "date") and _outside(value, field):
            seen = f"{_bound(field.minimum, field)} to {_bound(field.maximum, field)}"
            sentences.append(f"{field.name}: {cell} lies outside the {seen} that training saw.")
    return sentences


def _outside(value: float, field: Field) -> bool:
    if field.minimum is None or field.maximum is None:
        return False
    return value < field.minimum or value > field.maximum


def _bound(value: float | None, field: Field) -> str:
    return field.show(value) if field.kind == "date" or value is None else number(value)


def _cell(cell: object) -> str:
    """A cell as it reads in a sentence or a label."""
    if cell is None:
        return controls.UNKNOWN
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    text = number(cell) if isinstance(cell, int | float) else str(cell)
    return text if len(text) <= LONGEST_CELL else f"{text[:LONGEST_CELL]}..."


def _show_answer(predictor: Predictor, given: Answer) -> DeltaGenerator:
    """Draw the answer; what is returned is the room beside it."""
    if given.doubts:
        st.warning("  \n".join(plain(doubt) for doubt in given.doubts), icon=":material/explore:")
    # Beside the answer to a sentence there is nothing.
    wide = predictor.bundle.features.sequence is not None
    left, right = (st.container(), st.container()) if wide else st.columns([1, 2], gap="large")
    with left, st.container(key="answer"):
        if isinstance(predictor.answers, ClassificationAnswers):
            _show_class(predictor.contract.target.name, predictor.answers, given)
        elif isinstance(predictor.answers, WordAnswers):
            _show_words(_sentence(given), given)
        elif isinstance(predictor.answers, TaggingAnswers):
            _show_tags(predictor, predictor.answers, given)
        else:
            _show_value(predictor, given)
        document = json.dumps(given.row, ensure_ascii=False, indent=1)
        if len(document) <= LONGEST_JSON:
            with st.expander("This row as JSON"):
                st.code(document, language="json")
    return right


def _show_class(target: str, answers: ClassificationAnswers, given: Answer) -> None:
    label = given.columns["label"]
    _figure("Answer", f"{target} = {label}")
    shares = [float(share) for share in given.columns["probabilities"]]
    if answers.positive is None:
        ranked = sorted(zip(answers.labels, shares, strict=True), key=lambda pair: -pair[1])[:MOST_CLASSES]
        for name, share in ranked:
            st.progress(_bar(share), text=f"{plain(name)}: {plain(percent(share))}")
        if len(answers.labels) > MOST_CLASSES:
            st.caption(f"and {len(answers.labels) - MOST_CLASSES} less likely classes")
        return
    positive, share = answers.labels[answers.positive], shares[answers.positive]
    _figure(f"Probability that {target} = {positive}", percent(share))
    st.progress(_bar(share))
    if answers.threshold is not None:
        st.caption(f"From {plain(percent(answers.threshold))} on the answer is {plain(positive)}.")


def _sentence(given: Answer) -> str:
    [cell] = given.row.values()
    return str(cell)


def _show_words(asked: str, given: Answer) -> None:
    st.html(sentence.filled(asked, given.columns["word"]))
    st.html(sentence.ranked(given.columns["words"], given.columns["probabilities"]))


def _show_tags(predictor: Predictor, answers: TaggingAnswers, given: Answer) -> None:
    text = predictor.bundle.features.text
    assert text is not None
    tags, shares = given.columns["tags"], given.columns["probabilities"]
    tokens = text.keep(cut_at_blanks(_sentence(given)))
    st.caption(plain(predictor.contract.target.name))
    st.html(sentence.tagged(tokens, tags, shares, answers.labels))


def _figure(caption: str, value: str) -> None:
    """A figure under its name; `st.metric` would cut a long class short."""
    with st.container(gap=None):
        st.caption(plain(caption))
        st.header(plain(value), anchor=False)


def _bar(share: float) -> float:
    return min(max(share, 0.0), 1.0)


def _show_value(predictor: Predictor, given: Answer) -> None:
    target = predictor.contract.target
    _figure(target.name, number(float(given.columns["value"])))
    error = (predictor.bundle.evaluation or {}).get("metrics", {}).get("mae")
    if isinstance(error, int | float):
        st.caption(f"On test rows the answer was {plain(number(float(f'{error:.3g}')))} off on average.")


def _show_moved(predictor: Predictor, given: Answer, moved: Contributions) -> None:
    shares = isinstance(predictor.answers, ClassificationAnswers)
    pushes = sorted(((name, push) for name, push in moved.columns.items() if push), key=lambda pair: -abs(pair[1]))
    texts = predictor.bundle.features.text is not None
    st.markdown("**The columns that moved the answer**" if texts else "**What moved the answer**")
    st.markdown(plain(moved_sentence(predictor.contract.target.name, given.row, moved, shares=shares)))
    if not pushes:
        return
    labelled = [(f"{name} = {_cell(given.row[name])}", push) for name, push in pushes[:MOST_BARS]]
    rest = pushes[MOST_BARS:]
    if rest:
        labelled.append((f"{len(rest)} other columns", sum(push for _, push in rest)))
    # Bars are percentage points, as the words beside them.
    scale = 100 if shares else 1
    bars = [{"label": label, "push": push * scale, "text": _push(push, shares=shares)} for label, push in labelled]
    chart = charts.push_chart(bars)
    st.altair_chart(chart.properties(description="What each column added or took away"), width="stretch")
    how = "over all orders of the columns" if moved.exact else f"over {PERMUTATIONS} orders of the columns"
    unit = "percentage points" if shares else f"units of {predictor.contract.target.name}"
    weighed = " A text is weighed against an empty one." if texts else ""
    st.caption(
        plain(f"In {unit}: each column's mean effect {how} (Shapley values). They add up to the answer.{weighed}")
    )


def moved_sentence(target: str, row: dict[str, object], moved: Contributions, *, shares: bool) -> str:
    """What the typical row gets, what this one gets, and which columns made most of the difference."""
    whose = f" for {target} = {moved.label}" if moved.label is not None else ""
    start, end = (_amount(value, shares=shares) for value in (moved.baseline, moved.value))
    sentence = f"A typical row gets {start}{whose}, this one {end}."
    up = max(moved.columns, key=lambda name: moved.columns[name])
    down = min(moved.columns, key=lambda name: moved.columns[name])
    named = []
    if moved.columns[up] > 0:
        named.append(f"{up} = {_cell(row[up])} raised it most")
    if moved.columns[down] < 0:
        named.append(f"{down} = {_cell(row[down])} lowered it most")
    if not named:
        return f"{sentence} No column moved it."
    return f"{sentence} {', '.join(named)}."


def _amount(value: float, *, shares: bool) -> str:
    return percent(value) if shares else number(float(f"{value:.6g}"))


def _push(push: float, *, shares: bool) -> str:
    sign = "+" if push > 0 else "\N{MINUS SIGN}"
    amount = 100 * abs(push) if shares else abs(push)
    return f"{sign}{number(float(f'{amount:.2g}'))}"
