"""Benchmarks: run one with `python -m experiments.benchmarks.NAME`."""
