"""What can be asked of catalog, by resource."""
