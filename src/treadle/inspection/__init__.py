"""What a trained network looks at."""

from __future__ import annotations

from treadle.inspection.contributions import Contributions, contributions

__all__ = ["Contributions", "contributions"]
