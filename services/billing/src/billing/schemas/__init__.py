"""Request and response bodies, by what they are about."""
