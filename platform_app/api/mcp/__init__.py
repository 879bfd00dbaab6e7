"""MCP: tools for AI programs, by the Model Context Protocol, with the same keys as the API."""
