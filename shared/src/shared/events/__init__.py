"""Event contracts, one module per publishing service."""
