"""How many steps the device takes at a stretch."""

from __future__ import annotations

SECONDS_PER_STRETCH = 0.5
"""Between two looks at Ctrl-C, the progress report and the checkpoint."""
FIRST_STEPS = 8
FASTEST_GROWTH = 8


class Pace:
    """Learns from every stretch how many steps fill the time until the next."""

    def __init__(self) -> None:
        self.steps = FIRST_STEPS
        """To take next."""
        self.seconds_per_step = 0.0
        """As last measured; 0 before the first stretch."""

    def took(self, steps: int, seconds: float) -> None:
        """Note that `steps` steps took `seconds`."""
        self.seconds_per_step = seconds / steps
        wanted = SECONDS_PER_STRETCH / max(self.seconds_per_step, 1e-7)
        # The first stretches are slower than those to come; jumping to what they suggest could overshoot by far.
        self.steps = int(min(max(wanted, 1), FASTEST_GROWTH * max(steps, FIRST_STEPS)))
