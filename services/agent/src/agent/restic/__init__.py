"""restic as the command uses it: the program, its messages, one run of it, a repository."""
