"""Plumbing and event contracts that every service stands on; the closed list is in the README."""
