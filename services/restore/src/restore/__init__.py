"""Restores: tickets, their keys, what restoring clients report, and the timeline their owners watch."""
