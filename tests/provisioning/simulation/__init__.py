"""A simulated world for provisioning: its cloud, its messages, its clock and its death are all up to a seed."""
