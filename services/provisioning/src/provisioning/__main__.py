"""``python -m provisioning api | worker | all | migrate``."""

from provisioning.app import service

service.main()
