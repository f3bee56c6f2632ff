"""The HTTP service around a fitted recommender."""
