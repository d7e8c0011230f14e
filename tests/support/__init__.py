"""What tests of several services share: tokens, databases, running services."""
