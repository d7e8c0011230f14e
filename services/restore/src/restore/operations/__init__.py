"""What can be asked of restore; its events go out from here."""
