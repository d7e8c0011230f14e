"""What an instance in the cloud runs: it enrols, reports what it does and uses, and takes orders."""
