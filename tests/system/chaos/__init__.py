"""Provisioning under kill -9: a seeded story of wishes and blows, what is watched, what must hold at its end."""
