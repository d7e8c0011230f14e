"""HTTP comes in here."""
