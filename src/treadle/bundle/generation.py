"""Text written by a language model: word by word, from the state in which the word before left it."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from treadle.bundle import beams
from treadle.bundle.language import LanguageModel, State, StepModel
from treadle.bundle.predictor import Predictor
from treadle.bundle.sampling import Sampling, distribution, draw, refuse_nan
from treadle.errors import GenerationError
from treadle.features.vocabulary import PADDING, UNKNOWN

LINE_END = "\n"
BLOCK = 512
"""Tokens of a prompt that are read at a time."""
PART = 1024
"""Characters of a prompt's lines that are cut at a time; a longer line is cut as one."""

NOTHING_KNOWN = "the prompt holds nothing that training saw: what follows does not rest on it"
NO_BEGINNING = "training marked no beginnings of lines: the first word is written as if an unknown one stood before it"

Stopped = Literal["length", "line", "stop"]
"""What ended a text: its most words, the end of its last line, or what it was to stop at."""


@dataclass(frozen=True)
class Word:
    """A token that was written, or that may be."""

    number: int
    word: str
    """As it stands in the vocabulary; a line break for the end of a line."""
    text: str
    """What it adds to the text, the blank before it included."""
    probability: float
    """By the network alone, whatever the sampling made of it."""


class Continuation:
    """A text that is being written: a model, what it remembers of the text so far, and what may come next.

    No token is ever read twice: one word more is one step more, however long the text is.

    Args:
        model: what foretells.
    """

    def __init__(self, model: StepModel) -> None:
        self.model = model
        self.notices: tuple[str, ...] = ()
        """What a person should know of the text that was fed last."""
        self.stopped: Stopped = "length"
        """What ended the text that was written last."""
        self._begin()

    def _begin(self) -> None:
        self._state: State = self.model.start()
        self._pending: list[int] = []
        self._place = 0
        self._next: NDArray[np.float32] | None = None
        self._before: int | None = None
        self._untouched = True
        self._blank = True

    def fork(self) -> Continuation:
        """Another one that goes on from the same place."""
        other = copy.copy(self)
        other._pending, other._place = self.unread, 0
        return other

    @property
    def unread(self) -> list[int]:
        """Numbers of the tokens that were fed and not read yet."""
        return self._pending[self._place :]

    def resume(self, earlier: Continuation, count: int) -> None:
        """Take over what `earlier` remembers, which has read the first `count` of the tokens that are unread here."""
        self._state, self._next = earlier._state, earlier._next
        self._pass(count)

    @property
    def size(self) -> int:
        """Bytes that are kept of the text so far."""
        kept = self._state if self._next is None else (*self._state, self._next)
        return sum(array.nbytes for array in kept) + 8 * (len(self._pending) - self._place)

    def feed(self, text: str) -> None:
        """Go on with `text`, as if it had been written; it is read when a word is asked for.

        Where lines are read each by itself only the last one of `text` counts.
        """
        for _ in self.feeding(text):
            pass

    def feeding(self, text: str) -> Iterator[None]:
        """The same a part at a time, so that others may have their turn: `text` is fed once there are no more parts."""
        lines = text.split(LINE_END) if self.model.running else [text]
        if self.model.marked and LINE_END in text:
            self._end_line()
            lines = [text.rpartition(LINE_END)[2]]
        words = unknown = passed = 0
        for place, line in enumerate(lines):
            if place > 0:
                self._end_line()
            numbers = self._numbers(line)
            self._push(numbers)
            words += len(numbers)
            unknown += numbers.count(UNKNOWN)
            passed += len(line) + len(LINE_END)
            if passed >= PART:
                passed = 0
                yield
        if text:
            self._blank = text[-1].isspace()
        self.notices = _notices(self.model, words, unknown)

    def _numbers(self, line: str) -> list[int]:
        if self._before is None:
            # No line of the training texts begins with a blank.
            line = line.lstrip()
        if not line or (self.model.cut != "character" and line.isspace()):
            return []
        return [number for number in self.model.read(line) if number != self.model.begin]

    def _push(self, numbers: list[int]) -> None:
        if not numbers:
            return
        if self._untouched and self.model.marked:
            self._pending.append(self.model.begin)
        self._pending += numbers
        self._before, self._next = numbers[-1], None
        self._untouched = self._blank = False

    def _end_line(self) -> None:
        if self.model.marked:
            self._begin()
        else:
            self._push([self.model.end])
            self._before = None

    def read_on(self, most: int = BLOCK) -> bool:
        """Read up to `most` tokens of what was fed, or what stands for a beginning; whether some are left."""
        if self._untouched:
            self._pending = [self._first()]
            self._untouched = False
        if self._pending:
            block = self._pending[self._place : self._place + most]
            self._next, self._state = self.model.advance(self._state, np.array([block], np.int32))
            self._pass(len(block))
        return bool(self._pending)

    def _pass(self, count: int) -> None:
        """Leave behind tokens that were read."""
        self._place += count
        if self._place == len(self._pending):
            self._pending, self._place = [], 0

    def _first(self) -> int:
        """What is read where there is no text yet."""
        if self.model.marked:
            return self.model.begin
        if self.model.running:
            return self.model.end
        self.notices = (NO_BEGINNING,)
        return UNKNOWN

    def _look(self) -> NDArray[np.float32]:
        """Log-probabilities of the next word, shape (1, outputs)."""
        while self._next is None or self._pending:
            self.read_on()
        return self._next

    @property
    def _sayable(self) -> NDArray[np.bool_]:
        """Which numbers are words, or the end of a line where lines end."""
        mask = np.ones(len(self.model.words), np.bool_)
        mask[[PADDING, UNKNOWN, self.model.begin]] = False
        mask[self.model.end] = self.model.marked or self.model.running
        return mask

    def likeliest(self, count: int, beginning: str = "") -> list[Word]:
        """The `count` words with this beginning most likely to come next, the likeliest first; fewer where fewer can.

        Raises:
            GenerationError: the network's answer is no number.
        """
        [logits] = self._look()
        refuse_nan(logits)
        mask = self._sayable
        if beginning:
            mask &= [word.startswith(beginning) for word in self.model.words]
            mask[self.model.end] = False
        masked = np.where(mask, logits, -np.inf)
        ranked = np.argsort(-masked, kind="stable")[:count]
        likely = [number for number in ranked.tolist() if masked[number] > -np.inf]
        return [self._words([number], [float(masked[number])])[0] for number in likely]

    def append(self, number: int) -> str:
        """Go on with one token; what it adds to the text."""
        [word] = self._words([number], [0.0])
        self._say(number)
        return word.text

    def write(self, sampling: Sampling) -> Iterator[Word]:
        """Write on, word by word.

        Every word has become part of the text when it is given, and of a line that was looked for by beams all words.

        Raises:
            GenerationError: `lines` where lines have no ends, or a network that gives no numbers.
        """
        if sampling.lines is not None and not (self.model.marked or self.model.running):
            raise GenerationError(
                "lines would not be used: this network was trained without ends of lines (features.text.marks: false)"
            )
        return self._write(sampling)

    def _write(self, sampling: Sampling) -> Iterator[Word]:
        random = np.random.default_rng(sampling.seed)
        lines = 1 if sampling.lines is None and self.model.marked else sampling.lines
        ended, left, tail = 0, sampling.length, _Tail(sampling.stop)
        self.stopped = "length"
        while left > 0:
            words = [self._draw(sampling, random)] if sampling.beams == 1 else self._search(sampling, left, tail)
            left -= len(words)
            ended += words[-1].number == self.model.end
            stops, tail = tail.stops(words), tail.after(words)
            self.stopped = "stop" if stops else "line" if ended == lines else "length"
            yield from words
            if self.stopped != "length":
                return

    def _draw(self, sampling: Sampling, random: np.random.Generator) -> Word:
        logits = np.where(self._sayable, self._look()[0], -np.inf)
        number = draw(distribution(logits, sampling), random)
        [word] = self._words([number], [float(logits[number])])
        self._say(number)
        return word

    def _search(self, sampling: Sampling, length: int, tail: _Tail) -> list[Word]:
        def ended(numbers: beams.Numbers) -> bool:
            if numbers[-1] == self.model.end:
                return True
            return sampling.stop is not None and tail.stops(self._words(numbers, [0.0] * len(numbers)))

        logits = self._look()
        found = beams.search(
            self.model,
            self._state,
            logits,
            sayable=self._sayable,
            ended=ended,
            beams=sampling.beams,
            length=length,
        )
        words = self._words(found.numbers, found.log_probabilities)
        self._state, self._pending, self._place = found.state, [], 0
        self._before = found.numbers[-2] if len(found.numbers) > 1 else self._before
        self._say(found.numbers[-1])
        return words

    def _say(self, number: int) -> None:
        if number == self.model.end:
            self._end_line()
        else:
            self._push([number])

    def _words(self, numbers: Sequence[int], log_probabilities: Sequence[float]) -> list[Word]:
        """Words that follow one another from here."""
        words = []
        before, blank = self._before, self._blank
        for number, log_probability in zip(numbers, log_probabilities, strict=True):
            text = _added(self.model, before, number)
            if blank and self.model.cut != "character":
                text = text.lstrip(" ")
            before, blank = number, False
            word = LINE_END if number == self.model.end else self.model.words[number]
            words.append(Word(number, word, text, min(1.0, math.exp(log_probability))))
        return words


@dataclass(frozen=True)
class _Tail:
    """The end of what was written, in which a `stop` may have begun."""

    stop: str | None
    text: str = ""

    def stops(self, words: Iterable[Word]) -> bool:
        """Whether `words` complete a stop."""
        return self.stop is not None and self.stop in self.text + text_of(words)

    def after(self, words: Iterable[Word]) -> _Tail:
        """The tail once `words` are written."""
        return self if self.stop is None else _Tail(self.stop, (self.text + text_of(words))[-len(self.stop) :])


def generate(model: StepModel, prompt: str, sampling: Sampling) -> Iterator[Word]:
    """The words with which `model` goes on after `prompt`, each as soon as it is known.

    Raises:
        GenerationError: see `Continuation.write`.
    """
    continuation = Continuation(model)
    continuation.feed(prompt)
    return continuation.write(sampling)


def text_of(words: Iterable[Word]) -> str:
    """The text that `words` add."""
    return "".join(word.text for word in words)


def document_of(words: Sequence[Word]) -> dict[str, Any]:
    """`words` as JSON values: `text`, and side by side `words` and `probabilities`."""
    return {
        "text": text_of(words),
        "words": [word.word for word in words],
        "probabilities": [word.probability for word in words],
    }


def choices_of(words: Sequence[Word]) -> list[dict[str, Any]]:
    """Words that may come next as JSON values."""
    return [{"word": word.word, "text": word.text, "probability": word.probability} for word in words]


def open_language(predictor: Predictor) -> StepModel:
    """The language model of a bundle.

    Raises:
        GenerationError: the bundle is for another task.
    """
    if predictor.task != "next_word":
        raise GenerationError(
            f"bundle {predictor.name!r} is for {predictor.task} and writes no text: ask it with treadle predict; what "
            "writes is trained with task: next_word"
        )
    return LanguageModel(predictor)


def _added(model: StepModel, before: int | None, number: int) -> str:
    """What a token adds to a text whose last token is `before`, None at the beginning of a line."""
    if number == model.end:
        return LINE_END
    if before is None or before == model.end:
        return model.write([number])
    return model.write([before, number]).removeprefix(model.write([before]))


def _notices(model: StepModel, words: int, unknown: int) -> tuple[str, ...]:
    """What a person should know of a prompt of so many words, some of them unknown."""
    if not unknown:
        return ()
    if unknown == words:
        return (NOTHING_KNOWN,)
    return (f"{unknown:,} of {words:,} {model.cut}s of the prompt are none that training saw",)
