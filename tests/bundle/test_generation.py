"""Text that is written word by word, on models made by hand."""

from __future__ import annotations

from collections import Counter
from itertools import islice, pairwise
from typing import Any

import numpy as np
import pytest
from scipy import stats

from treadle.bundle.generation import (
    BLOCK,
    LINE_END,
    NO_BEGINNING,
    NOTHING_KNOWN,
    PART,
    Continuation,
    Word,
    document_of,
    generate,
    text_of,
)
from treadle.bundle.sampling import Sampling
from treadle.errors import GenerationError

GREEDY = Sampling(temperature=0, length=12)


def numbers(words: list[Word]) -> list[int]:
    return [word.number for word in words]


def greedy(model: Any, *before: int, length: int) -> list[int]:
    """The likeliest word at every place, by the table."""
    said: list[int] = []
    while len(said) < length and model.end not in said:
        says = model.says(*before, *said)
        says[[0, 1, model.begin]] = -np.inf
        if not model.marked and not model.running:
            says[model.end] = -np.inf
        said.append(int(np.argmax(says)))
    return said


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("prompt", ["", "to", "to be or", "  To be, "])
def test_greedy_takes_the_likeliest_word_at_every_place(toy: Any, seed: int, prompt: str) -> None:
    model = toy(seed=seed)
    found = list(generate(model, prompt, GREEDY))
    assert numbers(found) == greedy(model, *model.read(prompt), length=12)
    assert list(generate(model, prompt, Sampling(top_k=1, length=12))) == found


def test_probabilities_are_the_networks_whatever_the_sampling(toy: Any) -> None:
    model = toy()
    for sampling in (GREEDY, Sampling(temperature=3, top_k=2, seed=1), Sampling(beams=3)):
        said = [model.begin]
        for word in generate(model, "", sampling):
            assert word.probability == pytest.approx(np.exp(model.says(*said)[word.number]), rel=1e-6)
            said.append(word.number)


def test_a_word_more_is_one_step_more(toy: Any) -> None:
    model = toy(marked=False)
    continuation = Continuation(model)
    continuation.feed("to be or not")
    said = numbers(list(continuation.write(Sampling(length=50, seed=0))))
    assert model.calls == [[[2, 3, 4, 5]], *([[number]] for number in said[:-1])]
    model.calls.clear()
    continuation.likeliest(3)
    continuation.likeliest(5)
    assert model.calls == [[[said[-1]]]]
    more = numbers(list(continuation.write(Sampling(length=2, temperature=0))))
    continuation.feed("that is")
    assert model.calls == [[[said[-1]]], [[more[0]]]]
    continuation.likeliest(1)
    assert model.calls[2:] == [[[more[1], 7, 8]]]


def test_a_prompt_of_any_length_is_read_once_part_by_part(toy: Any) -> None:
    model = toy()
    prompt = "to be or not " * 1000
    [word] = generate(model, prompt, Sampling(temperature=0, length=1))
    assert [len(call[0]) for call in model.calls] == [BLOCK] * 7 + [4001 - 7 * BLOCK]
    assert [number for call in model.calls for number in call[0]] == model.read(prompt)
    assert word.number == greedy(model, 4, 5, length=1)[0]


def test_many_lines_are_taken_in_part_by_part(toy: Any) -> None:
    model = toy(marked=False, running=True)
    continuation = Continuation(model)
    assert sum(1 for _ in continuation.feeding(LINE_END * 20 * PART)) == 20
    assert len(continuation.unread) == 20 * PART
    while continuation.read_on():
        pass
    assert [len(call[0]) for call in model.calls] == [BLOCK] * (20 * PART // BLOCK)
    assert {number for call in model.calls for number in call[0]} == {model.end}
    parts, whole = Continuation(model), _fed(model, "to be\nxyz\n\n" * PART)
    assert sum(1 for _ in parts.feeding("to be\nxyz\n\n" * PART)) > 8
    assert (parts.unread, parts.notices, parts.size) == (whole.unread, whole.notices, whole.size)
    assert whole.notices == (f"{PART:,} of {3 * PART:,} words of the prompt are none that training saw",)


def test_of_separate_lines_only_the_last_is_cut(toy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    model, cut = toy(), list[str]()
    read = model.read
    monkeypatch.setattr(model, "read", lambda line: cut.append(line) or read(line))
    continuation = _fed(model, "to\n" * 10_000 + "be")
    assert cut == ["be"]
    assert continuation.unread == [model.begin, model.words.index("be")]


def test_what_was_read_before_is_taken_over(toy: Any) -> None:
    model = toy(marked=False)
    earlier, longer = _fed(model, "to be or"), _fed(model, "to be or not that")
    earlier.likeliest(1)
    expected = longer.fork().likeliest(3)
    model.calls.clear()
    longer.resume(earlier, 3)
    assert longer.likeliest(3) == expected
    assert model.calls == [[model.read("not that")]]


def test_the_likeliest_of_those_that_begin_so_keep_their_order(toy: Any) -> None:
    model = toy()
    continuation = Continuation(model)
    continuation.feed("to be")
    every = continuation.likeliest(99)
    for beginning in ("t", "th", "[", "zz"):
        found = [word for word in every if word.word.startswith(beginning)]
        assert continuation.likeliest(99, beginning) == found
        assert continuation.likeliest(1, beginning) == found[:1]


def test_what_may_not_be_said_never_is(toy: Any) -> None:
    for options in ({"marked": True}, {"marked": False}, {"marked": False, "running": True}):
        model = toy(**options)
        model.table[..., [0, 1, model.begin]] = 0.0
        model.table[..., model.end] = -1.0
        never = {0, 1, model.begin} | (set() if model.marked or model.running else {model.end})
        for sampling in (Sampling(length=300, temperature=5, seed=0), GREEDY, Sampling(beams=3, length=9)):
            assert not never & set(numbers(list(generate(model, "to", sampling))))
        continuation = Continuation(model)
        assert not never & set(numbers(continuation.likeliest(99)))


def test_words_are_drawn_as_often_as_their_probabilities_say(toy: Any) -> None:
    model = toy(marked=False)
    said = numbers(list(generate(model, "to be", Sampling(length=15_000, seed=3, temperature=1.3, top_k=4))))
    pairs = Counter(zip(pairwise(said), said[2:], strict=False))
    scores = []
    for one in range(2, 9):
        for two in range(2, 9):
            logits = model.says(one, two)[2:9] / 1.3
            kept = np.argsort(-logits)[:4]
            expected = np.exp(logits[kept]) / np.exp(logits[kept]).sum()
            counts = np.array([pairs[(one, two), number] for number in kept + 2])
            assert sum(pairs[(one, two), number] for number in range(11)) == counts.sum()
            if (expected * counts.sum()).min() >= 5:
                scores.append(stats.chisquare(counts, expected * counts.sum()).pvalue)
    assert len(scores) > 20
    assert stats.kstest(scores, "uniform").pvalue > 0.001


def test_the_same_seed_writes_the_same_text(toy: Any) -> None:
    model = toy()
    texts = [text_of(generate(model, "to", Sampling(seed=seed, lines=4, length=40))) for seed in (1, 1, 2, None, None)]
    assert texts[0] == texts[1]
    assert len(set(texts)) == 4


@pytest.mark.parametrize("sampling", [Sampling(seed=5, length=9), GREEDY, Sampling(beams=3, length=9)])
def test_a_text_goes_on_from_where_it_was_left(toy: Any, sampling: Sampling) -> None:
    """Fed its own words, a model says next what it would have said without a stop."""
    model = toy(marked=False, running=True)
    first = Continuation(model)
    first.feed("to be")
    said = list(first.write(sampling))
    second = Continuation(model)
    second.feed("to be" + text_of(said))
    assert first.likeliest(4) == second.likeliest(4)
    assert first.likeliest(4)[0].number == greedy(model, *numbers(said), length=1)[0]


def test_one_that_forks_leaves_the_other_as_it_is(toy: Any) -> None:
    model = toy(marked=False)
    one = Continuation(model)
    one.feed("to be")
    before = one.fork().likeliest(3)
    other = one.fork()
    other.feed("or not")
    list(other.write(Sampling(length=5, seed=1)))
    assert one.likeliest(3) == before
    assert other.likeliest(3) != before


def test_one_that_forks_before_it_was_read_is_fed_alone(toy: Any) -> None:
    model = toy(marked=False)
    one = _fed(model, "to be")
    one.fork().feed("or not")
    assert one.unread == model.read("to be")


def test_a_text_that_is_broken_off_goes_on(toy: Any) -> None:
    whole, broken = (Continuation(toy(marked=False)) for _ in range(2))
    for each in (whole, broken):
        each.feed("to")
    said = numbers(list(whole.write(GREEDY)))
    assert numbers(list(islice(broken.write(GREEDY), 5))) == said[:5]
    assert numbers(list(broken.write(GREEDY)))[:7] == said[5:]


def test_likeliest_words_are_those_of_the_table(toy: Any) -> None:
    model = toy()
    continuation = Continuation(model)
    continuation.feed("to be")
    found = continuation.likeliest(3)
    says = model.says(2, 3)
    ranked = sorted((number for number in range(2, 11) if number != model.begin), key=lambda each: -says[each])
    assert numbers(found) == ranked[:3]
    assert [word.probability for word in found] == pytest.approx(np.exp(says[ranked[:3]]))
    assert len(continuation.likeliest(99)) == 8
    assert continuation.likeliest(0) == []


def test_a_token_that_is_chosen_is_as_if_written(toy: Any) -> None:
    model = toy()
    chosen, fed = _fed(model, "to"), _fed(model, "to be.")
    assert chosen.append(model.words.index("be")) + chosen.append(model.words.index(".")) == " be."
    assert chosen.likeliest(3) == fed.likeliest(3)
    assert chosen.append(model.end) == "\n"
    assert chosen.likeliest(3) == Continuation(model).likeliest(3)


def test_texts_join_as_a_person_writes_them(toy: Any) -> None:
    model = toy(sharp=0)

    def chain(*words: str) -> None:
        model.table[:] = -30
        spelt = [model.words.index(word) for word in words]
        for one, two in pairwise(spelt):
            model.table[:, one, two] = 0

    chain("[BEGIN]", "to", "be", ".", "that", "[END]")
    assert text_of(generate(model, "", GREEDY)) == "to be. that\n"
    assert text_of(generate(model, "to", GREEDY)) == " be. that\n"
    assert text_of(generate(model, "to ", GREEDY)) == "be. that\n"
    assert text_of(generate(model, "to be", GREEDY)) == ". that\n"
    assert text_of(generate(model, "over\nto ", GREEDY)) == "be. that\n"
    assert [word.word for word in generate(model, "be", GREEDY)] == [".", "that", "\n"]
    assert text_of(generate(model, "", Sampling(beams=2))) == "to be. that\n"
    assert text_of(generate(model, "to ", Sampling(beams=2))) == "be. that\n"


def test_pieces_join_to_words_and_characters_as_they_are(toy: Any) -> None:
    pieces = toy(("_to", "_be", "ing"), marked=False, cut="piece")
    assert pieces.write([2, 3, 4]) == "to being"
    told = [word.text for word in generate(pieces, "to being", Sampling(length=30, seed=0))]
    assert set(told) == {" to", " be", "ing"}
    letters = toy(("a", "b", " "), marked=False, cut="character")
    told = [word.text for word in generate(letters, "ab ", Sampling(length=30, seed=0))]
    assert set(told) == {"a", "b", " "}
    fed = Continuation(letters)
    fed.feed(" a")
    fed.feed(" ")
    fed.likeliest(1)
    assert letters.calls[-1] == [[2, 4]]


def test_separate_lines_end_and_begin_anew(toy: Any) -> None:
    model = toy()
    model.table[:, model.words.index("not"), model.end] = 0
    continuation = Continuation(model)
    continuation.feed("to be")
    one = list(continuation.write(Sampling(temperature=0)))
    assert (numbers(one)[-1], continuation.stopped) == (model.end, "line")
    assert continuation.likeliest(4) == Continuation(model).likeliest(4)
    several = list(generate(model, "to be", Sampling(temperature=0, lines=3)))
    fresh = numbers(list(generate(model, "", Sampling(temperature=0))))
    assert numbers(several) == [*numbers(one), *fresh, *fresh]


def test_of_separate_lines_only_the_last_counts(toy: Any) -> None:
    model = toy()
    for prompt in ("to be\nor", "xyz\n\nor"):
        continuation = Continuation(model)
        continuation.feed(prompt)
        assert continuation.notices == ()
        assert numbers(continuation.likeliest(3)) == numbers(_fed(model, "or").likeliest(3))
    assert _fed(model, "to be\n").likeliest(3) == Continuation(model).likeliest(3)


def _fed(model: Any, text: str) -> Continuation:
    continuation = Continuation(model)
    continuation.feed(text)
    return continuation


def test_running_text_goes_on_over_the_ends_of_lines(toy: Any) -> None:
    model = toy(marked=False, running=True)
    said = numbers(list(generate(model, "to be\nor", Sampling(seed=1, length=40))))
    assert len(said) == 40
    assert said.count(model.end) > 1
    assert [number for call in model.calls for number in call[0]] == [2, 3, model.end, 4, *said[:-1]]
    model.calls.clear()
    continuation = _fed(model, "")
    list(continuation.write(Sampling(seed=1, lines=2)))
    assert model.calls[0] == [[model.end]]
    assert continuation.stopped == "line"
    continuation.feed("to")
    continuation.likeliest(1)
    assert model.calls[-1] == [[model.end, 2]]


def test_a_text_without_ends_of_lines_has_none(toy: Any) -> None:
    model = toy(marked=False)
    with pytest.raises(GenerationError, match=r"lines would not be used: .* without ends of lines"):
        Continuation(model).write(Sampling(lines=2))
    continuation = _fed(model, "to be\nor")
    continuation.likeliest(1)
    assert model.calls == [[[2, 3, 4]]]


def test_without_a_prompt_a_line_begins(toy: Any) -> None:
    for options, first, notices in (
        ({}, "[BEGIN]", ()),
        ({"marked": False, "running": True}, "[END]", ()),
        ({"marked": False}, "[UNK]", (NO_BEGINNING,)),
    ):
        model = toy(**options)
        for prompt in ("", "   "):
            model.calls.clear()
            continuation = _fed(model, prompt)
            continuation.likeliest(1)
            assert model.calls == [[[model.words.index(first)]]]
            assert continuation.notices == notices


def test_unknown_words_are_told(toy: Any) -> None:
    model = toy()
    assert _fed(model, "to be").notices == ()
    assert _fed(model, "zounds hark").notices == (NOTHING_KNOWN,)
    assert _fed(model, "to zounds be").notices == ("1 of 3 words of the prompt are none that training saw",)
    assert len(list(generate(model, "zounds hark", Sampling(length=3, seed=0)))) > 0
    continuation = _fed(model, "hark")
    continuation.feed("to")
    assert continuation.notices == ()


def test_it_stops_where_it_is_told_to(toy: Any) -> None:
    model = toy(marked=False, seed=2)
    for sampling in (Sampling(stop="that", seed=0), Sampling(stop="that", beams=3)):
        continuation = _fed(model, "to")
        text = text_of(continuation.write(sampling))
        assert text.endswith("that")
        assert text.count("that") == 1
        assert continuation.stopped == "stop"
    over_words = text_of(generate(model, "", Sampling(stop="be or", seed=0, length=2000)))
    assert over_words.endswith("be or")
    assert over_words.count("be or") == 1
    forked = continuation.fork()
    list(forked.write(Sampling(length=0)))
    assert forked.stopped == "length"
    unseen = _fed(model, "to")
    assert len(list(unseen.write(Sampling(stop="never", seed=0, length=20)))) == 20
    assert unseen.stopped == "length"


def test_nothing_is_written_of_no_length(toy: Any) -> None:
    model = toy()
    assert list(generate(model, "to", Sampling(length=0))) == []
    assert model.calls == []


def test_beams_find_lines_one_after_the_other(toy: Any) -> None:
    model = toy(seed=1)
    model.table[:, model.words.index("not"), model.end] = 0
    one, fresh = (numbers(list(generate(model, prompt, Sampling(beams=4)))) for prompt in ("to", ""))
    assert one[-1] == fresh[-1] == model.end
    assert numbers(list(generate(model, "to", Sampling(beams=4, lines=2)))) == [*one, *fresh]
    model.marked, model.running = False, True
    continuation = _fed(model, "to")
    model.calls.clear()
    said = numbers(list(continuation.write(Sampling(beams=4, length=30))))
    assert (len(said), said.count(model.end) > 1, continuation.stopped) == (30, True, "length")
    continuation.likeliest(1)
    again = _fed(model, "to")
    again._push(said)
    assert again.likeliest(4) == continuation.likeliest(4)


def test_words_as_json(toy: Any) -> None:
    words = [Word(2, "to", "to", 0.5), Word(10, "\n", "\n", 0.25)]
    assert document_of(words) == {"text": "to\n", "words": ["to", "\n"], "probabilities": [0.5, 0.25]}


def test_what_is_kept_has_a_size(toy: Any) -> None:
    continuation = _fed(toy(), "to be")
    assert continuation.size == 8 + 3 * 8
    continuation.likeliest(1)
    assert continuation.size == 8 + 11 * 4
