"""Texts over HTTP: whole, word by word, gone on with, refused, and broken off."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import jsonschema
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle.bundle.generation import BLOCK, Continuation, generate, text_of
from treadle.bundle.language import State
from treadle.bundle.predictor import Predictor
from treadle.bundle.sampling import Sampling

SEEDED = {"prompt": "to be", "length": 12, "seed": 4, "lines": 3}
EVENTS = {"accept": "text/event-stream"}


@pytest.fixture(scope="module")
def model(toy: Any) -> Any:
    return toy()


@pytest.fixture(scope="module")
def predictor(bundle_of: Any) -> Predictor:
    """What stands for the bundle of the language model."""
    return Predictor(bundle_of("bard"))


@pytest.fixture(scope="module")
def bard(serving: Any, model: Any, bundle_of: Any) -> Iterator[Any]:
    """A server of a language model, which stands beside a bundle of the same name, and of one that writes nothing."""
    predictors = {name: Predictor(bundle_of(name)) for name in ("bard", "customers")}
    with serving(predictors, {"bard": model}, max_words=500, max_prompt=150_000) as served:
        yield served


def ask(served: Any, path: str = "/models/bard/generate", **order: Any) -> httpx.Response:
    return served.predict(order, path)


def written(response: httpx.Response) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    document: dict[str, Any] = response.json()
    return document


def refusal(response: httpx.Response) -> tuple[int, str, str]:
    error = response.json()["error"]
    return response.status_code, error["code"], error["message"]


def events(text: str) -> list[tuple[str, dict[str, Any]]]:
    """Server-sent events, read as a browser reads them."""
    assert text.endswith("\n\n")
    found = []
    for block in text[:-2].split("\n\n"):
        name, data = block.split("\n")
        found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


def test_a_text_is_written(bard: Any, model: Any) -> None:
    document = written(ask(bard, **SEEDED))
    words = list(generate(model, "to be", Sampling(length=12, seed=4, lines=3)))
    assert document == {
        "model": "bard",
        "text": text_of(words),
        "words": [word.word for word in words],
        "probabilities": [word.probability for word in words],
        "stopped": document["stopped"],
        "seed": 4,
        "notices": [],
        "session": document["session"],
    }


def test_a_seed_that_was_drawn_writes_the_same_again(bard: Any) -> None:
    first = written(ask(bard, prompt="to"))
    again = written(ask(bard, prompt="to", seed=first["seed"]))
    assert again["text"] == first["text"]
    assert written(ask(bard, temperature=0))["seed"] is None


@pytest.mark.parametrize("how", [{"headers": EVENTS}, {"stream": True}])
def test_words_are_streamed(bard: Any, how: dict[str, Any]) -> None:
    whole = written(ask(bard, **SEEDED))
    headers = how.get("headers", {})
    order = SEEDED | ({"stream": True} if "stream" in how else {})
    response = bard.predict(order | {"likeliest": 2}, "/models/bard/generate", headers=headers)
    assert response.headers["content-type"] == "text/event-stream"
    assert response.headers["cache-control"] == "no-store"
    *words, (last, end) = events(response.text)
    assert [name for name, _ in words] == ["word"] * len(whole["words"])
    assert [word["word"] for _, word in words] == whole["words"]
    assert [word["probability"] for _, word in words] == whole["probabilities"]
    assert "".join(word["text"] for _, word in words) == whole["text"] == end["text"]
    assert (last, end["seed"], end["stopped"], len(end["likeliest"])) == ("done", 4, whole["stopped"], 2)
    assert end["session"] != whole["session"]


def test_what_is_asked_for_beats_what_is_accepted(bard: Any) -> None:
    response = bard.predict({"stream": False, "length": 3}, "/models/bard/generate", headers=EVENTS)
    assert response.headers["content-type"] == "application/json"
    both = {"accept": "application/json, text/event-stream"}
    assert bard.predict({}, "/models/bard/generate", headers=both).headers["content-type"] == "application/json"
    neither = bard.predict({}, "/models/bard/generate", headers={"accept": "text/html"})
    assert refusal(neither)[:2] == (406, "not_acceptable")


def test_a_session_goes_on_where_the_text_was_left(bard: Any, model: Any) -> None:
    model.calls.clear()
    first = written(ask(bard, prompt="to be", temperature=0, length=2, session=True))
    assert model.calls == [[model.read("to be")], [[model.words.index(first["words"][0])]]]
    model.calls.clear()
    second = written(ask(bard, prompt=" or not", temperature=0, length=2, session=first["session"]))
    assert second["session"] == first["session"]
    last = model.words.index(first["words"][-1])
    assert model.calls[0] == [[last, *model.read("or not")[1:]]]
    whole = Continuation(model)
    whole.feed("to be" + first["text"] + " or not")
    assert second["text"] == text_of(whole.write(Sampling(temperature=0, length=2)))
    choices = written(ask(bard, session=first["session"], likeliest=3))
    assert (choices["text"], [each["word"] for each in choices["likeliest"]]) == (
        "",
        [word.word for word in whole.likeliest(3)],
    )


def test_a_text_need_not_be_kept(bard: Any) -> None:
    assert written(ask(bard, session=False))["session"] is None


def test_a_session_that_is_not_there_says_what_to_do(serving: Any, model: Any, bundle_of: Any) -> None:
    predictors = {name: Predictor(bundle_of(name)) for name in ("bard", "other")}
    with serving(predictors, {"bard": model, "other": model}, max_sessions=1) as served:
        session = written(ask(served))["session"]
        status, code, message = refusal(ask(served, session=session[::-1]))
        assert (status, code) == (404, "unknown_session")
        assert "leave session out to begin one" in message
        assert refusal(ask(served, "/models/other/generate", session=session))[0] == 404
        written(ask(served))
        status, code, message = refusal(ask(served, session=session))
        assert (status, code) == (410, "session_over")
        assert "15 minutes" in message
        assert "send the whole text as the prompt" in message


def test_a_session_is_over_after_a_while(serving: Any, model: Any, predictor: Predictor) -> None:
    with serving({"bard": predictor}, {"bard": model}, session_idle_s=0.05) as served:
        session = written(ask(served, "/generate"))["session"]
        time.sleep(0.1)
        assert refusal(ask(served, "/generate", session=session))[:2] == (410, "session_over")
        assert "\ntreadle_sessions 0.0\n" in served.http.get("/metrics").text


@pytest.mark.parametrize(
    ("order", "status", "message"),
    [
        ({"temperature": -1}, 400, "temperature: should be at least 0, not -1"),
        ({"temperature": "hot"}, 400, "temperature: should be a number"),
        ({"temperature": None}, 400, "temperature: should be a number, not null"),
        ({"top_p": 0}, 400, "top_p: should be above 0"),
        ({"top_k": 1.5}, 400, "top_k: should be a whole number"),
        ({"beams": 2, "top_p": 0.5}, 400, "top_p would not be used: it needs beams: 1"),
        ({"temperature": 0, "seed": 1}, 400, "seed would not be used: it needs a temperature above 0"),
        ({"likeliest": 2, "seed": 1}, 400, "seed would not be used: it needs a length above 0"),
        ({"length": 501}, 400, "length 501 is more than the 500 words that this server writes at once"),
        ({"length": 251, "beams": 2}, 400, "length 251 times 2 beams is more than the 500 words"),
        ({"beams": 65}, 400, "beams is 1 to 64 for this model's vocabulary of 11, not 65"),
        ({"prompt": "to " * 50_001}, 413, "the prompt has 150003 characters, more than the 150000 that this server"),
        ({"promt": "to"}, 400, "the body: unknown key 'promt'; did you mean 'prompt'?"),
        ({"prompt": 5}, 400, "prompt must be a string, not a number"),
        ({"prompt": None}, 400, "prompt must be a string, not null"),
        ({"session": 5}, 400, "session must be a string or true or false, not a number"),
        ({"session": "none"}, 404, "no session of model 'bard' has this id"),
        ({"stream": 1}, 400, "stream must be true or false, not a number"),
        ({"likeliest": True}, 400, "likeliest must be a whole number, not a boolean"),
        ({"likeliest": -1}, 400, "likeliest is 0 to 1000, not -1"),
    ],
)
@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
def test_what_cannot_be_is_refused(bard: Any, order: dict[str, Any], status: int, message: str, accept: str) -> None:
    response = bard.predict(order, "/models/bard/generate", headers={"accept": accept})
    assert response.headers["content-type"] == "application/json"
    found, _, said = refusal(response)
    assert found == status
    assert message in said


def test_other_bodies_are_refused(bard: Any) -> None:
    for content, headers, expected in (
        (b"[]", {"content-type": "application/json"}, 400),
        (b"{", {"content-type": "application/json"}, 400),
        (b'{"length": NaN}', {"content-type": "application/json"}, 400),
        (b"to be", {"content-type": "text/plain"}, 415),
        (b"{}", {}, 415),
        (b"{}", {"content-type": "application/json", "content-encoding": "gzip"}, 415),
    ):
        assert bard.http.post("/models/bard/generate", content=content, headers=headers).status_code == expected
    response = bard.predict({}, "/models/bard/generate", params={"length": 3})
    assert refusal(response)[:2] == (400, "unknown_option")
    assert bard.http.get("/models/bard/generate").status_code == 405


def test_a_model_that_writes_no_text_says_what_to_use(bard: Any) -> None:
    status, code, message = refusal(ask(bard, "/models/customers/generate"))
    assert (status, code) == (400, "writes_no_text")
    assert "is for classification and writes no text; send rows to /models/customers/predict" in message
    status, _, message = refusal(ask(bard, "/models/bart/generate"))
    assert (status, message) == (404, "no model 'bart'; did you mean 'bard'?")
    status, _, message = refusal(ask(bard, "/generate"))
    assert status == 404
    assert "/models/bard/generate, /models/customers/generate" in message


def test_lines_where_there_are_none(serving: Any, toy: Any, predictor: Predictor) -> None:
    with serving({"bard": predictor}, {"bard": toy(marked=False)}) as served:
        for accept in ("application/json", "text/event-stream"):
            response = served.predict({"lines": 2}, "/generate", headers={"accept": accept})
            assert refusal(response)[:2] == (400, "bad_option")
        assert "training marked no beginnings of lines" in written(ask(served, "/generate", length=3))["notices"][0]


def test_prompts_of_all_kinds(bard: Any) -> None:
    nothing = "the prompt holds nothing that training saw: what follows does not rest on it"
    for prompt, notices in (
        ("", []),
        (" \t ", []),
        ("hark zounds", [nothing]),
        ("\ud800 \U0001f600 \x00", [nothing]),
        ("to hark", ["1 of 2 words of the prompt are none that training saw"]),
        ("to be " * 20_000, []),
    ):
        document = written(ask(bard, prompt=prompt, length=3, lines=3))
        assert (len(document["words"]), document["notices"]) == (3, notices)


def test_the_documents_say_what_is_so(bard: Any, serving: Any, model: Any, predictor: Predictor) -> None:
    document = bard.http.get("/openapi.json").json()
    assert "/models/customers/generate" not in document["paths"]
    post = document["paths"]["/models/bard/generate"]["post"]
    body = post["requestBody"]["content"]["application/json"]
    jsonschema.validate(body["example"], body["schema"])
    jsonschema.validate(SEEDED | {"likeliest": 2, "stop": ".", "session": "x"}, body["schema"])
    for wrong in ({"length": 501}, {"top_p": 0}, {"seed": None}, {"promt": ""}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, body["schema"])
    told = post["responses"]["200"]["content"]["application/json"]["schema"]
    for order in (body["example"], SEEDED, {"likeliest": 2}, {"session": False, "beams": 2}):
        jsonschema.validate(written(ask(bard, **order)), told)
    models = {each["name"]: each for each in bard.http.get("/models").json()["models"]}
    assert models["bard"]["generate"] == "/models/bard/generate"
    assert "generate" not in models["customers"]
    assert "/models/bard/generate" in bard.http.get("/docs").text
    with serving({"bard": predictor}, {"bard": model}) as alone:
        assert "/generate" in alone.http.get("/openapi.json").json()["paths"]
        assert written(ask(alone, "/generate", **SEEDED))["text"] == written(ask(bard, **SEEDED))["text"]


def test_words_are_counted(serving: Any, model: Any, predictor: Predictor) -> None:
    with serving({"bard": predictor}, {"bard": model}) as served:
        words = len(written(ask(served, "/generate", lines=9, length=30))["words"])
        list(served.predict({"lines": 30, "length": 30, "stream": True}, "/generate").iter_text())
        text = served.http.get("/metrics").text
        assert "\ntreadle_sessions 2.0\n" in text
        assert f'\ntreadle_words_total{{model="bard"}} {words + 30}.0\n' in text
        line = '\ntreadle_requests_total{endpoint="/generate",model="bard",status="200"} 2.0\n'
        assert line in text


class Slow:
    """A language model that takes its time, waits where it is told to, and notes how often it was asked."""

    def __init__(self, model: Any, seconds: float = 0.0) -> None:
        self._model, self._seconds = model, seconds
        self.steps = 0
        self.before_step: Callable[[int], object] = lambda step: None
        self.words, self.begin, self.end, self.cut = model.words, model.begin, model.end, model.cut
        self.marked, self.running = model.marked, model.running
        self.start, self.read, self.write = model.start, model.read, model.write

    def advance(self, state: State, tokens: np.ndarray) -> tuple[np.ndarray, State]:
        self.steps += 1
        self.before_step(self.steps)
        time.sleep(self._seconds)
        return self._model.advance(state, tokens)


def test_words_come_as_they_are_written(serving: Any, model: Any, predictor: Predictor) -> None:
    slow, let = Slow(model, 0.02), threading.Event()
    slow.before_step = lambda step: step < 5 or let.wait(20)
    with (
        serving({"bard": predictor}, {"bard": slow}) as served,
        served.http.stream("POST", "/generate", json={"stream": True, "length": 9, "lines": 9}) as response,
    ):
        received = response.iter_text()
        assert next(received).startswith("event: word\n")
        assert slow.steps <= 5
        let.set()
        assert "event: done\n" in "".join(received)


def test_a_caller_who_leaves_stops_the_work(serving: Any, model: Any, predictor: Predictor) -> None:
    for stream in (True, False):
        slow = Slow(model, 0.01)
        with serving({"bard": predictor}, {"bard": slow}) as served:
            body = json.dumps({"stream": stream, "length": 2000, "lines": 2000}).encode()
            head = b"POST /generate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
            with socket.create_connection(("127.0.0.1", served.port)) as connection:
                connection.sendall(head % len(body) + body)
                while slow.steps < 3:
                    time.sleep(0.005)
            counted = 'endpoint="/generate",model="bard",status="499"} 1.0'
            while counted not in served.http.get("/metrics").text:
                time.sleep(0.01)
            steps = slow.steps
            assert steps < 1000
            time.sleep(0.05)
            assert slow.steps == steps
            assert "\ntreadle_sessions 0.0\n" in served.http.get("/metrics").text


def test_a_text_that_takes_too_long(serving: Any, model: Any, predictor: Predictor) -> None:
    slow = Slow(model, 0.01)
    with serving({"bard": predictor}, {"bard": slow}, timeout_s=0.5) as served:
        session = written(ask(served, "/generate", prompt="to be", length=1, temperature=0))["session"]
        long = {"session": session, "length": 2000, "lines": 2000}
        assert refusal(ask(served, "/generate", **long))[:2] == (504, "timeout")
        *words, (last, error) = events(ask(served, "/generate", stream=True, **long).text)
        assert {name for name, _ in words} == {"word"}
        assert (last, error["error"]["code"]) == ("error", "timeout")
        text = served.http.get("/metrics").text
        assert '\ntreadle_requests_total{endpoint="/generate",model="bard",status="504"} 2.0\n' in text
        # The text is as it was before.
        after = written(ask(served, "/generate", session=session, length=1, temperature=0))["words"]
        expected = list(generate(model, "to be", Sampling(temperature=0, length=2, lines=2)))
        assert after == [expected[1].word]


def test_a_prompt_that_takes_too_long_is_broken_off(serving: Any, toy: Any, predictor: Predictor) -> None:
    slow, lines = Slow(toy(marked=False, running=True)), 500
    read, cut = slow.read, list[str]()

    def read_slowly(line: str) -> list[int]:
        cut.append(line)
        time.sleep(0.02)
        return read(line)

    slow.read = read_slowly
    with serving({"bard": predictor}, {"bard": slow}, timeout_s=0.3) as served:
        status, code, message = refusal(ask(served, "/generate", prompt=("to " * 400 + "\n") * lines, length=1))
        assert (status, code) == (504, "timeout")
        assert "part by part in a session" in message
        assert 0 < len(cut) < lines / 2
    assert slow.steps == 0


def test_a_prompt_of_line_breaks_is_read_in_blocks(serving: Any, toy: Any, predictor: Predictor) -> None:
    running, apart = toy(marked=False, running=True), toy()
    with serving({"bard": predictor}, {"bard": running}) as served:
        written(ask(served, "/generate", prompt="\n" * 100_000, length=1))
        assert len(running.calls) == -(-100_000 // BLOCK)
    with serving({"bard": predictor}, {"bard": apart}) as served:
        written(ask(served, "/generate", prompt="to\n" * 300_000 + "be", length=1))
        assert apart.calls == [[apart.read("be")]]


def test_beams_are_fewer_for_a_large_vocabulary(serving: Any, toy: Any, predictor: Predictor) -> None:
    model = toy()
    model.words = (*model.words, *["x"] * 1_000_000)
    with serving({"bard": predictor}, {"bard": model}) as served:
        assert refusal(ask(served, "/generate", beams=4))[1:] == (
            "too_many_beams",
            "beams is 1 to 3 for this model's vocabulary of 1000011, not 4",
        )


def test_a_session_tells_what_ended_this_text(bard: Any) -> None:
    first = written(ask(bard, prompt="to", stop="o", length=100, lines=100, seed=1))
    assert first["stopped"] == "stop"
    assert written(ask(bard, session=first["session"], likeliest=1))["stopped"] == "length"


def test_two_at_once_with_one_session(serving: Any, model: Any, predictor: Predictor) -> None:
    slow, together = Slow(model), threading.Barrier(2)
    with serving({"bard": predictor}, {"bard": slow}) as served:
        session = written(ask(served, "/generate", length=1))["session"]
        slow.before_step = lambda step: together.wait(20)
        answers: list[httpx.Response] = []
        order = {"session": session, "length": 1}
        both = [threading.Thread(target=lambda: answers.append(ask(served, "/generate", **order))) for _ in range(2)]
        for each in both:
            each.start()
        for each in both:
            each.join()
        assert sorted(each.status_code for each in answers) == [200, 409]


def test_many_at_once_write_what_each_would_alone(bard: Any, model: Any) -> None:
    seeds = range(12)
    texts: dict[int, str] = {}

    def write(seed: int) -> None:
        texts[seed] = written(ask(bard, prompt="to", length=200, lines=50, seed=seed))["text"]

    threads = [threading.Thread(target=write, args=(seed,)) for seed in seeds]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    for seed in seeds:
        assert texts[seed] == text_of(generate(model, "to", Sampling(length=200, lines=50, seed=seed)))


def test_a_network_without_numbers_is_an_error_event(serving: Any, toy: Any, predictor: Predictor) -> None:
    broken = toy()
    broken.table[:] = np.nan
    with serving({"bard": predictor}, {"bard": broken}) as served:
        [(last, error)] = events(ask(served, "/generate", stream=True).text)
        assert (last, "no number" in error["error"]["message"]) == ("error", True)
        assert "no number" in refusal(ask(served, "/generate"))[2]


odd = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(10**300, 10**400)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["\ud800", "\x00", "1e999"])
    | st.lists(st.integers(), max_size=2)
)
numbers = st.integers(-1, 20) | st.floats(-1, 3)
orders = st.fixed_dictionaries(
    {},
    optional={
        "prompt": st.text(max_size=20) | st.sampled_from(["to be", "", "\n\n", "to\nbe "]) | odd,
        "temperature": st.sampled_from([0, 1e-300, 1e300]) | numbers | odd,
        "top_k": numbers | odd,
        "top_p": st.floats(0, 1) | odd,
        "beams": st.integers(1, 6) | odd,
        "length": st.integers(0, 30) | odd,
        "lines": st.integers(1, 5) | odd,
        "stop": st.text(max_size=3) | odd,
        "seed": st.integers(0, 2**64) | odd,
        "likeliest": st.integers(0, 20) | odd,
        "stream": st.booleans() | odd,
        "session": odd,
    },
)


@settings(max_examples=200, deadline=None)
@given(order=orders)
def test_whatever_is_asked_the_answer_is_no_failure(bard: Any, order: dict[str, Any]) -> None:
    response = ask(bard, **order)
    assert response.status_code < 500, response.text
    if response.headers["content-type"] == "text/event-stream":
        assert events(response.text)[-1][0] == "done"
    else:
        assert response.json()
