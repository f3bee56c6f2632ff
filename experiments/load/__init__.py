"""Load and faults: the service against its targets, on this machine, over loopback only.

    python -m experiments.load                  # everything, quick; writes docs/serving.md
    python -m experiments.load list             # the scenarios
    python -m experiments.load exact_100k soak --seconds 3600

Every scenario starts a service of its own on a free port, loads it, stops it, and prints its
figures, its targets and a verdict.
"""
