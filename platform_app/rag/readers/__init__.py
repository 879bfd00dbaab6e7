"""Readers: one module for each kind of file; each returns the text as Markdown and reports what it left out."""
