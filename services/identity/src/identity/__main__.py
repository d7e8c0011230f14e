"""``python -m identity api | worker | all | migrate``."""

from identity.app import service

service.main()
