"""What can be asked of billing, by use case."""
