"""REST: the resources below /api/v1, for other systems with an API key."""
