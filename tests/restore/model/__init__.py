"""A small world around one restore to the cloud, in which everything that may happen can be tried."""
