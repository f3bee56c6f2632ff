"""From a recipe and a dataset to a fitted recommender."""
