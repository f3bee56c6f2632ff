"""Candidate generators: each proposes items and scores given ones, one file a model."""
