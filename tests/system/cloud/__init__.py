"""What the tests of restores to the cloud have in common, and a long story of many at once."""
