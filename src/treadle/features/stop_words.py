"""Frequent English words that say little, for recipes that leave them out."""

from __future__ import annotations

STOP_WORDS = frozenset(
    """
    a an the this that these those such i me my mine myself we us our ours ourselves you your yours yourself yourselves
    he him his himself she her hers herself it its itself they them their theirs themselves who whom whose which what
    am is are was were be been being do does did doing have has had having will would shall should can could may might
    must i'm i've i'd i'll you're you've you'd you'll he's he'd he'll she's she'd she'll it's it'd it'll we're we've
    we'd we'll they're they've they'd they'll that's there's here's what's who's
    and or if then than as of at by for with about into onto to from in on out over under up down between through during
    before after above below because while until again once here there when where why how all any both each other some
    own same also just
    """.split()  # noqa: SIM905 - a line for each would be less to the eye
)
"""Neither negations (no, not, nor, never, without, any word in n't) nor words that turn or weigh what is said (but,
very, too, only, more, most, few) are among them: "the food is not good" must not become "food good"."""
