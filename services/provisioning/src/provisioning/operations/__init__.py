"""What can be asked of provisioning; its events go out from here."""
