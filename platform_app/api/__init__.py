"""API: Starlette routes beside the console."""
