"""What can be asked of identity."""
