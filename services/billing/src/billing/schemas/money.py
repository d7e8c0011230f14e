"""Amounts on the wire."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

MAX_MINOR = 100_000_000
"""A million units: more is a slip of the hand."""


class Money(BaseModel):
    """An amount in minor units of its currency: 1999 of USD is $19.99."""

    amount_minor: int = Field(examples=[1999])
    currency: str = Field(examples=["USD"])


class MoneyGiven(BaseModel):
    """An amount that a caller names; never negative."""

    model_config = ConfigDict(extra="forbid")

    amount_minor: Annotated[int, Field(ge=0, le=MAX_MINOR, strict=True, examples=[1999])]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$", examples=["USD"])]
