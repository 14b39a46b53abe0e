"""A bundle's network taken step by step: what it foretells and remembers, and how its tokens are read and written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import treadle
from treadle.bundle.bundle import Bundle
from treadle.bundle.generation import Continuation, generate, open_language, text_of
from treadle.bundle.language import LanguageModel
from treadle.bundle.predictor import Predictor
from treadle.bundle.sampling import Sampling
from treadle.errors import BundleError, GenerationError

KINDS: dict[str, dict[str, Any]] = {
    "lines": {},
    "learnt start, two layers": {"model": {"sequence": {"units": [5, 7], "learn_initial": True, "tied": True}}},
    "gru": {"model": {"sequence": {"cell": "gru", "units": 5}}},
    "running": {"data": {"running": True, "split": {"sequential": True}}},
    "unmarked": {"features": {"text": {"marks": False}}},
    "pieces": {"features": {"text": {"tokens": "byte_pairs", "vocabulary": 60}}},
    "characters": {"features": {"text": {"tokens": "characters"}}},
    "spaced": {"features": {"text": {"tokens": "spaced"}}},
}


@pytest.fixture(scope="module", params=KINDS)
def predictor(request: pytest.FixtureRequest, verses_of: Callable[..., Bundle]) -> Predictor:
    return Predictor(verses_of(**KINDS[request.param]))


@pytest.fixture
def model(predictor: Predictor) -> LanguageModel:
    return LanguageModel(predictor)


def test_numbers_have_words_and_marks(model: LanguageModel) -> None:
    assert model.words[:2] == ("[PAD]", "[UNK]")
    assert model.words[-2:] == ("[BEGIN]", "[END]")
    assert (model.begin, model.end) == (len(model.words) - 2, len(model.words) - 1)
    outputs, _ = model.advance(model.start(), np.array([[2]], np.int32))
    assert outputs.shape == (1, len(model.words))
    np.testing.assert_allclose(np.exp(outputs.astype(np.float64)).sum(), 1, rtol=1e-5)


def test_step_by_step_is_the_same_as_at_once_whoever_the_mates_are(model: LanguageModel) -> None:
    tokens = np.random.default_rng(0).integers(2, len(model.words), (3, 7)).astype(np.int32)
    at_once, after = model.advance(model.start(3), tokens)
    for row in range(3):
        state = model.start()
        for time in range(7):
            outputs, state = model.advance(state, tokens[[row], time : time + 1])
        np.testing.assert_allclose(outputs[0], at_once[row], atol=2e-6)
        for one, all_rows in zip(state, after, strict=True):
            assert one.shape[1] == 1
            np.testing.assert_allclose(one[:, 0], all_rows[:, row], atol=2e-6)


def test_a_long_prompt_is_as_its_parts(model: LanguageModel) -> None:
    tokens = np.random.default_rng(1).integers(2, len(model.words), (1, 700)).astype(np.int32)
    at_once, _ = model.advance(model.start(), tokens)
    _, state = model.advance(model.start(), tokens[:, :333])
    in_parts, _ = model.advance(state, tokens[:, 333:])
    np.testing.assert_allclose(in_parts, at_once, atol=2e-6)


@pytest.mark.parametrize("prompt", ["the king", "a ghost was", "The QUEEN is", "xyz the lord", "to be or not to be"])
def test_it_foretells_what_prediction_answers(predictor: Predictor, model: LanguageModel, prompt: str) -> None:
    continuation = Continuation(model)
    continuation.feed(prompt)
    [answer] = predictor.predict({"line": prompt}).records()
    words = [word for word in continuation.likeliest(9) if word.number != model.end][:5]
    assert [word.word for word in words] == answer["words"]
    assert [word.probability for word in words] == pytest.approx(answer["probabilities"], rel=1e-4)


@pytest.mark.parametrize("text", ["the king is dead.", "a ghost was not here!", "my lord loves the play. to be"])
def test_what_is_read_is_written_again(model: LanguageModel, text: str) -> None:
    numbers = [number for number in model.read(text) if number != model.begin]
    assert 1 not in numbers or model.cut == "word"
    if 1 not in numbers:
        assert model.write(numbers) == text
    # What a token adds hangs on the one before it alone.
    for place in range(1, len(numbers)):
        added = model.write(numbers[: place + 1]).removeprefix(model.write(numbers[:place]))
        one, two = numbers[place - 1 : place + 1]
        assert added == model.write([one, two]).removeprefix(model.write([one]))


def test_lines_begin_with_their_mark_only_where_training_had_one(model: LanguageModel) -> None:
    assert (model.read("the king")[0] == model.begin) == model.marked
    assert model.read("") == ([model.begin] if model.marked else [])
    assert not (model.marked and model.running)


@pytest.mark.parametrize("sampling", [Sampling(seed=1, length=25), Sampling(beams=3, length=9)])
def test_texts_are_written(model: LanguageModel, sampling: Sampling) -> None:
    words = list(generate(model, "the king", sampling))
    assert 1 <= len(words) <= sampling.length
    assert {0, 1, model.begin}.isdisjoint(word.number for word in words)
    assert text_of(generate(model, "the king", sampling)) == text_of(words)
    lines = text_of(words).split("\n")
    assert len(lines) - 1 == sum(word.number == model.end for word in words)


def test_blanks_at_the_ends_of_characters_count(verses_of: Callable[..., Bundle]) -> None:
    model = LanguageModel(Predictor(verses_of(**KINDS["characters"])))
    blank, one = (model.words.index(sign) for sign in " a")
    assert model.read("a ") == [model.begin, one, blank]
    assert model.read(" a")[1:] == [blank, one]
    assert model.read("  ")[1:] == [blank, blank]
    first, second = Continuation(model), Continuation(model)
    first.feed("  a b")
    second.feed("a")
    second.feed(" ")
    second.feed("b")
    assert first.likeliest(5) == second.likeliest(5)


def test_bundles_of_other_tasks_are_refused(trained: treadle.Run, verses_of: Callable[..., Bundle]) -> None:
    predictor = treadle.load(trained.bundle)
    with pytest.raises(BundleError, match="is for classification: it foretells no next word"):
        LanguageModel(predictor)
    with pytest.raises(GenerationError, match="for classification and writes no text: ask it with treadle predict"):
        open_language(predictor)
    assert isinstance(open_language(Predictor(verses_of())), LanguageModel)
