"""What `make bench` runs: our figures beside the limit each could reach, on this machine, in one run."""
