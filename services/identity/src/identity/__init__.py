"""Owners, sign-in, tokens and devices."""
