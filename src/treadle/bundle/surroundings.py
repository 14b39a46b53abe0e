"""Which of the operators around a recurrent one its layer does itself, so that less is copied and called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from numpy.typing import NDArray

from treadle.bundle.model import Constant, Model, Node, UnknownError, users

OPERATORS = frozenset({"RNN", "LSTM", "GRU"})
"""The recurrent ones."""


class Table(NamedTuple):
    """A constant whose rows a layer reads."""

    constant: Constant
    codes: str
    """The value that says which rows."""
    turned: bool
    """Whether its axes are (batch, time)."""


class Surroundings:
    """The operators of a graph, as its recurrent ones look at them.

    What a layer takes over is from then on among those that need not be run.
    """

    def __init__(self, model: Model) -> None:
        self._nodes, self._constants = model.nodes, model.constants
        self._outputs = {value.name for value in model.outputs}
        self._makers = {name: node for node in model.nodes for name in filter(None, node.outputs)}
        self._users = users(model.nodes)
        self._done: set[Node] = set()

    @property
    def left(self) -> list[Node]:
        """The operators that must be run."""
        return [node for node in self._nodes if node not in self._done]

    def taken(self, name: str) -> bool:
        """Whether anybody takes a value."""
        return name in self._users or name in self._outputs

    def take_table(self, node: Node) -> Table | None:
        """The lookup, where the inputs are rows of a constant and nothing else reads them.

        One layer of a model may take one: what a layer keeps of its table can be much larger than the table, and a
        model must not choose how much memory it takes to open it.
        """
        name = node.input(0)
        gather = self._maker(name, "Gather")
        if gather is None or gather.attributes not in ({}, {"axis": 0}) or self._users[name] != [node]:
            return None
        if any(done.operator == "Gather" for done in self._done):
            return None
        rows = self._array(gather.input(0))
        if rows is None or rows.ndim != 2:
            return None
        self._done.add(gather)
        codes = gather.input(1)
        turn = self._maker(codes, "Transpose")
        if turn is None or turn.attributes != {"perm": (1, 0)} or self._users[codes] != [gather]:
            return Table(self._constants[gather.inputs[0]], codes, False)
        self._done.add(turn)
        return Table(self._constants[gather.inputs[0]], turn.input(0), True)

    def take_joined(self, node: Node) -> str | None:
        """The name of the outputs (time, batch, directions * units), where that is what they are made to."""
        turn = self._user(node.outputs[0], "Transpose")
        if turn is None or turn.attributes != {"perm": (0, 2, 1, 3)}:
            return None
        join = self._user(turn.outputs[0], "Reshape")
        recurrent = self._array(node.input(2))
        if join is None or join.attributes or recurrent is None or recurrent.ndim != 3:
            return None
        shape = self._array(join.input(1))
        if shape is None or shape.tolist() != [0, 0, len(recurrent) * recurrent.shape[-1]]:
            return None
        self._done.update((turn, join))
        return join.outputs[0]

    def take_final(self, node: Node, initial: Sequence[str]) -> tuple[str, ...]:
        """The names of the final states; where a row without steps is made to keep its initial state, which it does
        without that, the name of what comes of it.

        Raises:
            UnknownError: it is not made to keep it, and so has a state that hangs on the version of ONNX Runtime.
        """
        names = []
        for place, made in enumerate(node.outputs[1:]):
            name = made
            keep = self._user(name, "Where") if place < len(initial) else None
            if keep is not None and keep.inputs[1:] == (initial[place], name) and self._no_steps(keep, node.input(4)):
                self._done.add(keep)
                name = keep.outputs[0]
            elif place < len(initial) and self.taken(name):
                raise UnknownError(f"{node.operator} with final states that rows without steps do not keep")
            told = self._user(name, "Identity")
            if told is not None:
                self._done.add(told)
                name = told.outputs[0]
            names.append(name)
        return tuple(names)

    def _no_steps(self, keep: Node, lengths: str) -> bool:
        """Whether a choice is made by which lengths are 0, for arrays (directions, batch, units)."""
        beside = self._maker(keep.input(0), "Unsqueeze")
        equal = None if beside is None else self._maker(beside.input(0), "Equal")
        if beside is None or equal is None or equal.input(0) != lengths:
            return False
        axis, zero = self._array(beside.input(1)), self._array(equal.input(1))
        return axis is not None and zero is not None and (axis.tolist(), zero.tolist()) == ([1], 0)

    def _maker(self, name: str, operator: str) -> Node | None:
        """The operator that makes a value nobody outside sees, if it is such a one."""
        node = self._makers.get(name)
        return node if node is not None and node.operator == operator and name not in self._outputs else None

    def _user(self, name: str, operator: str) -> Node | None:
        """The only user of a value, if it is such an operator."""
        found = [] if name in self._outputs else self._users.get(name, [])
        return found[0] if len(found) == 1 and found[0].operator == operator else None

    def _array(self, name: str) -> NDArray[Any] | None:
        """The numbers of a constant."""
        constant = self._constants.get(name)
        return None if constant is None else constant.tensor.array
