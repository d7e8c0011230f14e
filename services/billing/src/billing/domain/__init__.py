"""The rules of quota and billing, pure."""
