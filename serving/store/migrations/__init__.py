"""Alembic migrations of the store, run by `serving.store.migrate` when a store is opened."""
