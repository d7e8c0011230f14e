"""What an operator chooses for the machines of EC2, under ``settings`` of a provider in the offers."""

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from provisioning.adapters.user_data import UserDataSettings

RegionName = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]+$")]
ImageId = Annotated[str, StringConstraints(pattern=r"^ami-[0-9a-f]+$")]
SubnetId = Annotated[str, StringConstraints(pattern=r"^subnet-[0-9a-f]+$")]
SecurityGroupId = Annotated[str, StringConstraints(pattern=r"^sg-[0-9a-f]+$")]
Name = Annotated[str, StringConstraints(min_length=1)]


class Ec2Settings(UserDataSettings):
    """Maps are by EC2's name of the region."""

    images: Annotated[dict[RegionName, ImageId], Field(min_length=1)]
    """Debian 12, Ubuntu 24.04, or later, or another with cloud-init, systemd, apt and Python 3.11."""
    disk_device: Annotated[str, StringConstraints(pattern=r"^/dev/[a-z0-9]+$")] = "/dev/sda1"
    """The image's name of its root disk."""
    subnets: dict[RegionName, SubnetId] = {}
    """Where machines go; without one, where EC2 likes within the default VPC."""
    security_groups: dict[RegionName, Annotated[list[SecurityGroupId], Field(min_length=1, max_length=16)]] = {}
    """Needs a subnet of the same VPC; without, the VPC's default group counts."""
    key_names: dict[RegionName, Name] = {}
    """Key pairs for an operator's own access by SSH; without, there is none."""
    public_address: bool = True
    """Whether machines have an address of their own in the internet; else they are known by their private one."""

    @model_validator(mode="after")
    def _belong_together(self) -> Self:
        strangers = sorted({*self.subnets, *self.security_groups, *self.key_names} - set(self.images))
        if strangers:
            raise ValueError(f"no image is named for {', '.join(strangers)}: name one under images, or leave that out")
        open_groups = sorted(set(self.security_groups) - set(self.subnets))
        if open_groups:
            raise ValueError(f"security_groups needs a subnet, and subnets has none for {', '.join(open_groups)}")
        return self
