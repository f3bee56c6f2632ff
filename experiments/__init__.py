"""Experiments: tracking, comparison, reports, recipes and benchmarks."""
