"""Keys by STS AssumeRole: a session of one role, narrowed by an inline policy to one owner's prefix."""

import json
from datetime import datetime
from typing import Any

import aioboto3
from aiobotocore.config import AioConfig
from botocore.exceptions import BotoCoreError, ClientError

from catalog.domain.gate import Access
from catalog.domain.layout import object_path, url_path
from catalog.errors import StoreUnavailable
from catalog.ports import IssuedKey, Location, OlaresAddress, Place
from catalog.settings import Settings

SHORTEST_SECONDS = 900
LONGEST_SECONDS = 43_200


class AwsIssuer:
    """Any store that speaks S3 and STS."""

    name = "aws"

    def __init__(self, settings: Settings, session: aioboto3.Session) -> None:
        self._session = session
        self._region = settings.aws_region
        self._bucket = settings.aws_bucket
        self._role_arn = settings.aws_role_arn
        self._endpoint_url = str(settings.aws_endpoint_url).rstrip("/") if settings.aws_endpoint_url else None
        self._access_key_id = settings.aws_access_key_id
        secret = settings.aws_secret_access_key
        self._secret_access_key = secret.get_secret_value() if secret else None

    async def issue(self, place: Place, access: Access, expires_at: datetime) -> IssuedKey:
        seconds = int((expires_at - datetime.now(expires_at.tzinfo)).total_seconds())
        try:
            async with self._session.client(
                "sts",
                region_name=self._region,
                endpoint_url=self._endpoint_url,
                aws_access_key_id=self._access_key_id,
                aws_secret_access_key=self._secret_access_key,
                config=AioConfig(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 2}),
            ) as sts:
                answer = await sts.assume_role(
                    RoleArn=self._role_arn,
                    RoleSessionName="space",
                    DurationSeconds=max(SHORTEST_SECONDS, min(seconds, LONGEST_SECONDS)),
                    Policy=json.dumps(self.policy(place, access), separators=(",", ":")),
                )
        except (BotoCoreError, ClientError) as error:
            raise StoreUnavailable(
                "The object store gives out no keys just now. Try again in a moment.", retry_after_seconds=10
            ) from error
        credentials = answer["Credentials"]
        return IssuedKey(
            credentials["AccessKeyId"],
            credentials["SecretAccessKey"],
            credentials["SessionToken"],
            credentials["Expiration"],
        )

    def policy(self, place: Place, access: Access) -> dict[str, Any]:
        """The session policy: the same reach as the vault's gate, as far as IAM can say it."""
        bucket = f"arn:aws:s3:::{self._bucket}"
        root = self._root(place)
        objects = f"{bucket}/{root}"
        below = objects if place.repository else f"{objects}*/"
        statements: list[dict[str, Any]] = [
            {"Effect": "Allow", "Action": ["s3:GetBucketLocation"], "Resource": bucket},
            {
                "Effect": "Allow",
                "Action": "s3:ListBucket",
                "Resource": bucket,
                "Condition": {"StringLike": {"s3:prefix": f"{root}*"}},
            },
            {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"{objects}*"},
        ]
        if access is Access.WRITE:
            statements += [
                {"Effect": "Allow", "Action": ["s3:PutObject", "s3:AbortMultipartUpload"], "Resource": f"{objects}*"},
                {
                    "Effect": "Allow",
                    "Action": "s3:DeleteObject",
                    "Resource": [f"{below}{folder}/*" for folder in ("locks", "index", "data")],
                },
            ]
        elif place.repository is None:
            # A device without room restores by it, and restic gives up where it cannot lock.
            actions = ["s3:PutObject", "s3:DeleteObject"]
            statements.append({"Effect": "Allow", "Action": actions, "Resource": f"{below}locks/*"})
        return {"Version": "2012-10-17", "Statement": statements}

    def repository_url(self, place: Place) -> str:
        host = self._endpoint_url or f"https://s3.{self._region}.amazonaws.com"
        return f"s3:{host}/{url_path(self._bucket, *self._root(place).rstrip('/').split('/'))}"

    def olares_address(self) -> OlaresAddress | None:
        """Amazon itself only: at another store the address they build would begin with another bucket."""
        return None if self._endpoint_url else OlaresAddress("aws", self._region, self._region, self._bucket)

    def ca_certificate(self) -> str | None:
        return None

    def location(self, prefix: str) -> Location:
        return Location(
            bucket=self._bucket,
            root=f"{prefix}/",
            region=self._region,
            endpoint_url=self._endpoint_url,
            access_key_id=self._access_key_id,
            secret_access_key=self._secret_access_key,
        )

    def _root(self, place: Place) -> str:
        return f"{place.prefix}/{object_path(place.repository)}/"
