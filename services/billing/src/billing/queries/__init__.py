"""Named reads and guarded writes, by what they are about."""
