"""Bodies of links to instances' pages."""

from datetime import datetime

from pydantic import BaseModel, Field, SecretStr

from provisioning.schemas.agents import Said


class LinkRead(BaseModel):
    url: str = Field(
        description="Lets in whoever opens it first, once.", examples=["http://127.0.0.1:18123/open?link=…"]
    )
    expires_at: datetime


class LinkRedeem(Said):
    """The link that somebody has shown to an instance's page."""

    link: SecretStr = Field(min_length=1, max_length=200)
