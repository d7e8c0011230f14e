"""What an instance has used, told to others."""

from sqlalchemy.ext.asyncio import AsyncSession

from provisioning.models import Instance
from shared.events.provisioning import InstanceUsageMeasured
from shared.outbox import publish


def tell(session: AsyncSession, instance: Instance) -> None:
    """Tell the newest reading of a locked instance; nothing where there is none, or it was told before."""
    if instance.measured_at is None or instance.measured_at == instance.published_at:
        return
    instance.published_at = instance.measured_at
    publish(
        session,
        InstanceUsageMeasured(
            owner_id=instance.owner_id,
            instance_id=instance.id,
            restore_id=instance.restore_id,
            measured_at=instance.measured_at,
            traffic_bytes=instance.traffic_bytes,
            disk_bytes=instance.disk_bytes,
        ),
    )
