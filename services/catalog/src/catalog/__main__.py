"""``python -m catalog api | worker | all | migrate``."""

from catalog.app import service

service.main()
