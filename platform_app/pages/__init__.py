"""Pages: one file per route."""
