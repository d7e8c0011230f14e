"""Quota and billing: what is used, what it costs, and how it is paid."""
