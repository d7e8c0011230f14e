"""``python -m billing api | worker | all | migrate``."""

from billing.app import service

service.main()
