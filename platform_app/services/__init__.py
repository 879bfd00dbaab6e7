"""Services: what the platform does, one file per noun, in plain synchronous functions."""
