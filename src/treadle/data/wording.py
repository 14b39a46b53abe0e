"""Counts as messages say them."""


def count_of(number: int, what: str) -> str:
    """How many there are: `1 row`, `2,000 rows`."""
    return f"{number:,} {what}{'s' * (number != 1)}"
