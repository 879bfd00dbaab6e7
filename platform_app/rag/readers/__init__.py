"""Readers: one module for each kind of file, which returns the text as Markdown and reports what it omitted."""
