"""What restore counts beside what every service does."""

from prometheus_client import Gauge

RESTORES = Gauge("space_restore_cloud_restores", "Restores to the cloud that are not over, by state.", ["state"])
