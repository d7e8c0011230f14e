"""Named reads and guarded writes, by topic."""
