"""Table statistics: lets SQLite sample its tables, without which it takes every tenant for a few rows."""

from platform_app.db import engine

_SAMPLED_ROWS = 1_000  # of each index


def update_statistics() -> bool:
    """Sample the tables; return False, as no work is left. Connections that are open keep what they know.

    PostgreSQL does so by itself.
    """
    if engine().dialect.name == "sqlite":
        with engine().begin() as connection:
            connection.exec_driver_sql(f"PRAGMA analysis_limit={_SAMPLED_ROWS}")
            connection.exec_driver_sql("ANALYZE")
    return False
