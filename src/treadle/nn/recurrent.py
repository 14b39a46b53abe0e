"""Recurrent cells, each its equation.

`x` stands for x_t W + b and `h` for h_{t-1} U, of which `jnp.split` cuts out the gates; a * b is element by element.
"""

from __future__ import annotations

from typing import ClassVar

import jax.numpy as jnp
from jax.nn import relu, sigmoid
from jax.numpy import tanh
from jaxtyping import Array, Float

from treadle.kernels import State

Sums = Float[Array, "batch gates_units"]
Vectors = Float[Array, "vectors units"]
Gates = tuple[Float[Array, "batch units"], ...]
"""How far a cell's gates on its way from step to step are open, 0 to 1, in the order of `gate_names`."""


class SimpleTanh:
    """h_t = tanh(x_t W + b + h_{t-1} U). Source: Elman 1990, Finding Structure in Time."""

    kind: ClassVar[str] = "simple_tanh"
    gates: ClassVar[int] = 1
    states: ClassVar[int] = 1
    vectors: ClassVar[int] = 0
    forget_gate: ClassVar[int | None] = None
    gate_names: ClassVar[tuple[str, ...]] = ()

    @staticmethod
    def open(state: State, x: Sums, h: Sums, vectors: Vectors) -> Gates:
        return ()

    @staticmethod
    def step(state: State, x: Sums, h: Sums, vectors: Vectors) -> State:
        return (tanh(x + h),)


class SimpleRelu(SimpleTanh):
    """h_t = max(0, x_t W + b + h_{t-1} U). Source: Le et al. 2015, section 2."""

    kind: ClassVar[str] = "simple_relu"

    @staticmethod
    def step(state: State, x: Sums, h: Sums, vectors: Vectors) -> State:
        return (relu(x + h),)


class LSTM:
    """Input, forget and output gates around a memory. Source: Gers, Schmidhuber and Cummins 2000, section 3."""

    kind: ClassVar[str] = "lstm"
    gates: ClassVar[int] = 4
    states: ClassVar[int] = 2
    vectors: ClassVar[int] = 0
    forget_gate: ClassVar[int | None] = 1
    gate_names: ClassVar[tuple[str, ...]] = ("forget", "input")

    @staticmethod
    def open(state: State, x: Sums, h: Sums, vectors: Vectors) -> Gates:
        i, f, _, _ = jnp.split(x + h, 4, axis=-1)
        return sigmoid(f), sigmoid(i)

    @staticmethod
    def step(state: State, x: Sums, h: Sums, vectors: Vectors) -> State:
        _, c = state
        f, i = LSTM.open(state, x, h, vectors)
        _, _, g, o = jnp.split(x + h, 4, axis=-1)
        c = f * c + i * tanh(g)
        return sigmoid(o) * tanh(c), c


class PeepholeLSTM(LSTM):
    """An LSTM whose gates see the memory: i and f as it was, o as it is.

    Source: Gers, Schraudolph and Schmidhuber 2002, section 2.2.
    """

    kind: ClassVar[str] = "peephole_lstm"
    vectors: ClassVar[int] = 3

    @staticmethod
    def open(state: State, x: Sums, h: Sums, vectors: Vectors) -> Gates:
        _, c = state
        i, f, _, _ = jnp.split(x + h, 4, axis=-1)
        p_i, p_f, _ = vectors
        return sigmoid(f + p_f * c), sigmoid(i + p_i * c)

    @staticmethod
    def step(state: State, x: Sums, h: Sums, vectors: Vectors) -> State:
        _, c = state
        f, i = PeepholeLSTM.open(state, x, h, vectors)
        _, _, g, o = jnp.split(x + h, 4, axis=-1)
        _, _, p_o = vectors
        c = f * c + i * tanh(g)
        return sigmoid(o + p_o * c) * tanh(c), c


class CoupledLSTM(LSTM):
    """An LSTM that lets in as much as it forgets. Source: Greff et al. 2017, section 3 (CIFG)."""

    kind: ClassVar[str] = "coupled_lstm"
    gates: ClassVar[int] = 3
    forget_gate: ClassVar[int | None] = 0

    @staticmethod
    def open(state: State, x: Sums, h: Sums, vectors: Vectors) -> Gates:
        f, _, _ = jnp.split(x + h, 3, axis=-1)
        f = sigmoid(f)
        return f, 1 - f

    @staticmethod
    def step(state: State, x: Sums, h: Sums, vectors: Vectors) -> State:
        _, c = state
        f, i = CoupledLSTM.open(state, x, h, vectors)
        _, g, o = jnp.split(x + h, 3, axis=-1)
        c = f * c + i * tanh(g)
        return sigmoid(o) * tanh(c), c


class GRU:
    """Update gate z, reset gate r after the recurrent product, as in cuDNN, Keras (`reset_after`) and ONNX.

    `vectors` is the bias of the candidate's recurrent half. Source: Cho et al. 2014, section 2.3.
    """

    kind: ClassVar[str] = "gru"
    gates: ClassVar[int] = 3
    states: ClassVar[int] = 1
    vectors: ClassVar[int] = 1
    forget_gate: ClassVar[int | None] = None
    gate_names: ClassVar[tuple[str, ...]] = ("update", "reset")

    @staticmethod
    def open(state: State, x: Sums, h: Sums, vectors: Vectors) -> Gates:
        z, r, _ = jnp.split(x + h, 3, axis=-1)
        return sigmoid(z), sigmoid(r)

    @staticmethod
    def step(state: State, x: Sums, h: Sums, vectors: Vectors) -> State:
        (before,) = state
        z, r = GRU.open(state, x, h, vectors)
        _, _, x_n = jnp.split(x, 3, axis=-1)
        _, _, h_n = jnp.split(h, 3, axis=-1)
        n = tanh(x_n + r * (h_n + vectors[0]))
        return ((1 - z) * n + z * before,)


CELLS = {cell.kind: cell for cell in (SimpleTanh, SimpleRelu, LSTM, PeepholeLSTM, CoupledLSTM, GRU)}
