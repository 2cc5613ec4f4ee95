"""What must survive a crash: one database (SQLite or PostgreSQL), files by their hash, a signed log, durable jobs.

Rooms above declare their own tables on :class:`usnet.store.tables.Base` and add a migration to ``store/migrations/versions``.
Everything acknowledged has been committed and synced; a process may be killed at any moment.
"""
