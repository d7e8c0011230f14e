"""The rules of provisioning, pure."""
