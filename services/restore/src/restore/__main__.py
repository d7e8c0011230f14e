"""``python -m restore api | worker | all | migrate``."""

from restore.app import service

service.main()
