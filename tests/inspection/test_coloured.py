"""Coloured words as HTML: what a text brings along stays text, and the colours say what the numbers say."""

from __future__ import annotations

import re

from treadle.inspection.coloured import DOWN, STRONGEST, UP, coloured_words, gate_strips
from treadle.inspection.gates import Gates, Strip
from treadle.inspection.why import Why


def why_of(words: tuple[str, ...], pushes: tuple[float, ...], known: tuple[bool, ...], joint: str = " ") -> Why:
    return Why("yes", 0.5, 0.5 + sum(pushes), words, pushes, known, 0.0, 32, joint, close=True)


def test_a_hostile_text_stays_text() -> None:
    words = ("<script>alert(1)</script>", '"onclick="x', "&amp;", "\x1b[31m", "\u202egnp.exe")
    html = coloured_words(why_of(words, (0.1,) * 5, (True,) * 5))
    assert "<script" not in html
    assert html.count("<") == html.count(">") == 2 * (1 + len(words))
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "&amp;amp;" in html
    assert "&quot;onclick=&quot;x" in html
    assert "\x1b" not in html
    assert "\u202e" not in html


def test_the_stronger_a_push_the_stronger_its_colour() -> None:
    html = coloured_words(why_of(("good", "dull", "the"), (0.2, -0.1, 0.0), (True, True, False)))
    good, dull, the = re.findall(r'<span style="([^"]*)" title="([^"]*)">', html)
    assert f"{UP} {STRONGEST}%" in good[0]
    assert f"{DOWN} {STRONGEST // 2}%" in dull[0]
    assert "background" not in the[0]
    assert [title for _, title in (good, dull, the)] == ["+0.2", "\u22120.1", "+0, not in the vocabulary"]
    assert ["dotted" in style for style, _ in (good, dull, the)] == [False, False, True]


def test_a_text_that_moved_nothing_has_no_colour() -> None:
    assert "background" not in coloured_words(why_of(("the",), (0.0,), (True,)))


def test_characters_stand_side_by_side() -> None:
    html = coloured_words(why_of(("a", " ", "b"), (0.1, 0.1, 0.1), (True,) * 3, joint=""))
    assert re.sub(r"<[^>]*>", "", html) == "a b"


def strip_of(*values: float, layer: int = 1, backwards: bool = False) -> Strip:
    return Strip(layer, backwards, "let in", "the input gate", values)


def test_gates_that_hardly_differ_are_hardly_told_apart() -> None:
    pairs = ((0.1, 0.9), (0.500, 0.501))
    wide, narrow = (gate_strips(Gates("lstm", ("a", "<b>"), (strip_of(*pair),), " ")) for pair in pairs)
    assert f"{STRONGEST}%" in wide
    assert "background" not in narrow
    assert 'title="0.90">&lt;b&gt;' in wide
    assert "0.10 to 0.90" in wide


def test_layers_and_directions_are_named_where_there_are_several() -> None:
    strips = tuple(strip_of(0.5, layer=layer, backwards=backwards) for layer in (1, 2) for backwards in (False, True))
    assert "<b>let in, layer 2, backwards</b>" in gate_strips(Gates("lstm", ("a",), strips, " "))
    assert "<b>let in</b>" in gate_strips(Gates("lstm", ("a",), strips[:1], " "))
