"""`python -m agent` is the `space` command."""

from agent.cli import main

main()
