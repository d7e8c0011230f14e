"""HTTP comes in here, by resource."""
