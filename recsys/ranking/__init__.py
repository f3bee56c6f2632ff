"""The hybrid ranker: point-in-time features, the network, its losses."""
