"""Alembic migrations of the database; `run.upgrade` brings any database to the newest."""
