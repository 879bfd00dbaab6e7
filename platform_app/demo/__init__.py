"""Demo: the content of the demo tenant, in each language: articles as files, people and talk as data."""
