"""Blurb writers, one a file. Each needs its own extra, so none is imported here."""
