"""The program on an owner's machine: the `space` command and its use of restic."""
