"""Writes keras_recurrent.json: what Keras says of small recurrent layers and of a language model, in float64.

python tests/nn/write_keras_recurrent.py      (needs Keras and TensorFlow, which no test does)

Padded rows are read from both ends, each from a given state; the gradients are those of one direction, of the sum of
outputs and final states, each number weighted by a cosine. The language model is that of the notebooks: every beginning
of every line is a row of its own, which the word after it is the answer to.
"""

import json
import os
from pathlib import Path

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

TIME, FEATURES, UNITS, LENGTHS = 5, 3, 4, [5, 2, 4]
LAYERS = {
    "simple_tanh": lambda **options: keras.layers.SimpleRNN(UNITS, activation="tanh", **options),
    "simple_relu": lambda **options: keras.layers.SimpleRNN(UNITS, activation="relu", **options),
    "lstm": lambda **options: keras.layers.LSTM(UNITS, **options),
    "gru": lambda **options: keras.layers.GRU(UNITS, reset_after=True, **options),
}
STATES = {"lstm": 2}


def main() -> None:
    keras.backend.set_floatx("float64")
    random = np.random.default_rng(0)
    xs = random.normal(size=(len(LENGTHS), TIME, FEATURES)).round(3)
    document = {"xs": xs.tolist(), "lengths": LENGTHS, "cells": {name: answers(name, xs, random) for name in LAYERS}}
    document["next_word"] = next_word(random)
    Path(__file__).with_name("keras_recurrent.json").write_text(json.dumps(document) + "\n")


def answers(name: str, xs: np.ndarray, random: np.random.Generator) -> dict:
    initial = random.normal(size=(2, STATES.get(name, 1), len(LENGTHS), UNITS)).round(3)
    layers = [
        LAYERS[name](return_sequences=True, return_state=True, go_backwards=backwards, zero_output_for_mask=True)
        for backwards in (False, True)
    ]
    for layer in layers:
        layer.build(xs.shape)
        layer.set_weights([random.normal(0, 0.7, weight.shape).round(3) for weight in layer.get_weights()])
    mask = tf.sequence_mask(LENGTHS, TIME)
    found = {"weights": [listed(layer.get_weights()) for layer in layers], "initial": initial.tolist()}
    variables, given = tf.Variable(xs), [tf.Variable(state) for state in initial[0]]
    with tf.GradientTape() as tape:
        outputs, *states = layers[0](variables, mask=mask, initial_state=list(given))
        total = sum(tf.reduce_sum(waves(array.shape) * array) for array in (outputs, *states))
    asked = [variables, *(weight.value for weight in layers[0].weights), *given]
    d_xs, d_weight, d_recurrent_weight, d_bias, *d_initial = tape.gradient(total, asked)
    found["gradients"] = {
        "xs": listed(d_xs),
        "weights": listed([d_weight, d_recurrent_weight, d_bias]),
        "initial": listed(d_initial),
    }
    both = keras.layers.Bidirectional(layers[0], backward_layer=layers[1], merge_mode="concat")
    both.build(xs.shape)
    both.forward_layer.set_weights(layers[0].get_weights())  # of which it makes a copy
    outputs, *states = both(xs, mask=mask, initial_state=[*initial[0], *initial[1]])
    return found | {"outputs": listed(outputs), "states": listed(states)}


def next_word(random: np.random.Generator) -> dict:
    words = 7
    lines = [random.integers(1, words, length).tolist() for length in (5, 2, 6)]
    prefixes = [line[:end] for line in lines for end in range(1, len(line))]
    due = np.array([line[end] for line in lines for end in range(1, len(line))])
    model = keras.Sequential(
        [
            keras.layers.Embedding(words, 3, mask_zero=True),
            keras.layers.LSTM(4, return_sequences=True),
            keras.layers.LSTM(5),
            keras.layers.Dense(words, activation="softmax"),
        ]
    )
    tokens = keras.utils.pad_sequences(prefixes)  # in front, as in the notebooks
    model.build(tokens.shape)
    model.set_weights([random.normal(0, 0.7, weight.shape).round(3) for weight in model.get_weights()])
    with tf.GradientTape() as tape:
        probabilities = model(tokens)
        loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(due, probabilities))
    gradients = tape.gradient(loss, [weight.value for weight in model.weights])
    return {
        "lines": lines,
        "weights": listed(model.get_weights()),
        "probabilities": listed(probabilities),
        "loss": float(loss),
        "gradients": listed([tf.convert_to_tensor(gradient) for gradient in gradients]),
    }


def waves(shape: tuple[int, ...]) -> np.ndarray:
    return np.cos(1.7 * np.arange(np.prod(shape))).reshape(shape)


def listed(arrays: object) -> list:
    """Nested lists, of numbers to eight places."""
    if isinstance(arrays, list):
        return [listed(array) for array in arrays]
    return (np.asarray(arrays).round(8) + 0.0).tolist()


if __name__ == "__main__":
    main()
