"""What restore counts beside what every service does."""

from prometheus_client import Gauge

PARKED = Gauge("space_restore_parked", "Restores to the cloud that wait for an operator.")
RESTORES = Gauge("space_restore_cloud_restores", "Restores to the cloud that are not over, by state.", ["state"])
