"""Networks that answer at the tokens of a text, asked at one token, at all, or step by step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from treadle.bundle.session import network_errors
from treadle.errors import BundleError
from treadle.features.sequences import NOT_DUE, Line, padded

Inputs = dict[str, NDArray[Any]]
States = tuple[NDArray[np.float32], ...]
"""The state of every layer, each of shape (directions, rows, units)."""

TOKENS = 2**13
"""Tokens given to the network at a time, padding included, so that what its layers hold stays in the processor's
cache."""
NUMBERS = 2**22
"""Most numbers that it answers at a time."""
STEPS = 256
"""Tokens of a single long text that are read at a time."""

_STATE, _NEXT = "state_", "next_state_"


class Answered(NamedTuple):
    """What was said at some tokens."""

    rows: NDArray[np.int64]
    """The row of each."""
    due: NDArray[np.int32]
    """What was due there."""
    outputs: NDArray[np.float32]
    """Shape (tokens, outputs)."""


class SequenceSession:
    """A session with a network that answers where it is asked.

    Args:
        session: of the graph, of ONNX Runtime or in stages.
        name: of the bundle, for errors.
        weights: of the bundle, where a learnt state stands.
    """

    def __init__(self, session: Any, name: str, weights: dict[str, NDArray[Any]]) -> None:
        self._session = session
        self._name = name
        given = {value.name: value.shape for value in session.get_inputs()}
        self.states = tuple(sorted((each for each in given if each.startswith(_STATE)), key=_place))
        """Names of the states, of a network that takes steps."""
        self._outputs = ["outputs", *(_NEXT + each.removeprefix(_STATE) for each in self.states)]
        self._begin = _begin([given[each] for each in self.states], weights)

    def start(self, rows: int) -> States:
        """The states before the first token."""
        return tuple(np.repeat(state, rows, axis=1) for state in self._begin)

    def at(self, inputs: Inputs, wanted: NDArray[np.int64]) -> NDArray[np.float32]:
        """What is said at the tokens `wanted`, each row * time + step, shape (answers, outputs)."""
        return self.step(inputs, wanted, self.start(len(inputs["tokens"])))[0]

    def step(self, inputs: Inputs, wanted: NDArray[np.int64], states: States) -> tuple[NDArray[np.float32], States]:
        """What is said at the tokens `wanted`, and the states after every row's last token.

        Raises:
            BundleError: the network cannot be run on these.
        """
        given = {name: inputs[name] for name in ("tokens", "lengths", "affixes") if name in inputs}
        given |= dict(zip(self.states, states, strict=True)) | {"wanted": wanted}
        try:
            outputs, *after = self._session.run(self._outputs, given)
        except network_errors() as error:
            raise BundleError(f"bundle {self._name!r}: its network cannot be run: {error}") from None
        return outputs, tuple(after)

    def block(self, inputs: Inputs) -> NDArray[np.float32]:
        """What is said of all rows at once, at the width they are given: see `run`."""
        rows, time = inputs["tokens"].shape
        if "places" in inputs:
            return self.at(inputs, np.arange(rows) * time + inputs["places"])
        row, step = np.nonzero(np.arange(time) < inputs["lengths"][:, None])
        said = self.at(inputs, row * time + step)
        answers = np.zeros((rows, time, said.shape[1]), np.float32)
        answers[row, step] = said
        return answers

    def run(self, inputs: Inputs, outputs: int) -> NDArray[np.float32]:
        """What is said at the token `places` of every row, shape (rows, outputs); where there is no `places`, at every
        token, shape (rows, tokens of the longest, outputs), zero behind a row's end."""
        rows, time = inputs["tokens"].shape
        each = "places" in inputs
        answers = np.zeros((rows, outputs) if each else (rows, time, outputs), np.float32)
        for chosen in by_length(inputs["lengths"], rows=max(1, NUMBERS // outputs) if each else TOKENS, tokens=TOKENS):
            block = _block(inputs, chosen)
            if each:
                answers[chosen] = self.block(block)
            else:
                answers[chosen, : block["tokens"].shape[1]] = self.block(block)
        return answers

    def due(self, lines: Sequence[Line], outputs: int) -> Iterator[Answered]:
        """What is said wherever something is due, a part at a time."""
        inputs = padded([line.reads for line in lines])
        targets = padded([line.due - NOT_DUE for line in lines])["tokens"] + NOT_DUE
        # As many tokens as are answered at once, or a block would be read again for every part of its answers.
        most = max(1, NUMBERS // outputs)
        for rows in by_length(inputs["lengths"], rows=most, tokens=min(TOKENS, most)):
            block = _block(inputs, rows)
            time = block["tokens"].shape[1]
            row, step = np.nonzero(targets[rows, :time] >= 0)
            for start in range(0, len(row), most):
                part = slice(start, start + most)
                said = self.at(block, row[part] * time + step[part])
                yield Answered(rows[row[part]], targets[rows[row[part]], step[part]], said)

    def read_on(self, line: Line, outputs: int) -> Iterator[Answered]:
        """The same of a single long text, in order, its state carried on from part to part."""
        states = self.start(1)
        steps = min(STEPS, max(1, NUMBERS // outputs))
        for start in range(0, len(line.reads), steps):
            part, due = line.reads[start : start + steps], line.due[start : start + steps]
            wanted = np.flatnonzero(due >= 0)
            said, states = self.step(padded([part]), wanted, states)
            yield Answered(np.zeros(len(wanted), np.int64), due[wanted], said)


def by_length(lengths: NDArray[np.int32], *, rows: int, tokens: int) -> Iterator[NDArray[np.int64]]:
    """Rows of about one length at a time, so that hardly a padded step is computed: at most so many, with at most so
    many tokens, padding included, but at least one."""
    order = np.argsort(lengths, kind="stable")
    end = len(order)
    while end > 0:
        longest = max(1, int(lengths[order[end - 1]]))
        start = max(0, end - min(rows, max(1, tokens // longest)))
        yield order[start:end]
        end = start


def _block(inputs: Inputs, rows: NDArray[np.int64]) -> Inputs:
    """These rows, cut to the longest of them."""
    longest = max(1, int(inputs["lengths"][rows].max()))
    block = {name: array[rows] for name, array in inputs.items()}
    cut = {name: np.ascontiguousarray(block[name][:, :longest]) for name in ("tokens", "affixes") if name in block}
    return block | cut


def _place(name: str) -> int:
    return int(name.removeprefix(_STATE))


def _begin(shapes: list[list[Any]], weights: dict[str, NDArray[Any]]) -> States:
    """The states before the first token, of one row: zeros, or what was learnt."""
    states = [np.zeros((directions, 1, units), np.float32) for directions, _, units in shapes]
    layer, place = 0, 0
    while place < len(states):
        learnt = weights.get(f"recurrent.layers.{layer}.0.initial")
        if learnt is None:
            break
        for state in learnt:
            states[place] = np.asarray(state, np.float32)[None, None]
            place += 1
        layer += 1
    return tuple(states)
