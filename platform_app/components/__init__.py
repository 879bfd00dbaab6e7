"""Components: the parts that pages are built from."""
