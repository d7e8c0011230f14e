"""The rules of a restore; values in, values out."""
