"""Logs as owners read them."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field


class LogLineRead(BaseModel):
    """A line of an instance's log."""

    number: int = Field(description="Rises by 1 within an instance; only the newest 10,000 lines are kept.")
    logged_at: datetime = Field(description="As its source says.")
    source: Literal["space", "agent"] = Field(description="`space`: of this service, about the instance's status.")
    line: str = Field(examples=["Installing."])
