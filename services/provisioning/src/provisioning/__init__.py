"""Instances: what can be had, the machines behind them, their names, counters and ends."""
