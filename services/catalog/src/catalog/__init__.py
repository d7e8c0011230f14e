"""Catalog: what is backed up, where it lies, who may touch it, and how much it weighs."""
