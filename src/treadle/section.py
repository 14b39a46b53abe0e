"""What every part of a recipe is: immutable, with unknown keys and unused options refused."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

Share = Annotated[float, Field(gt=0.0, lt=1.0)]
Positive = Annotated[int, Field(gt=0)]


class Section(BaseModel):
    """A part of the recipe: immutable, with unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _nothing_under_its_name(cls, document: object) -> object:
        # A section all of whose keys are commented out reads as null in YAML.
        return {} if document is None else document


def unused(section: Section, keys: tuple[str, ...], *, used: bool, needs: str, within: str = "") -> None:
    """Refuse `keys` that were set although nothing would use them.

    Args:
        section: holds the keys.
        keys: names in the section.
        used: whether something uses them.
        needs: the setting that would, with its whole path.
        within: path from the section that is being validated to `section`, ended by a point.

    Raises:
        PydanticCustomError: `unused`; its context names the keys and what they need.
    """
    stray = [within + key for key in keys if key in section.model_fields_set]
    if stray and not used:
        message = "{first} would not be used: it needs {needs}"
        raise PydanticCustomError("unused", message, {"keys": stray, "first": stray[0], "needs": needs})
