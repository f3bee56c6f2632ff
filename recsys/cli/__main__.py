"""`python -m recsys.cli` is `recsys`."""

from recsys.cli import main

main()
