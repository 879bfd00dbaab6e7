"""Tracing: spans of OpenTelemetry, off unless the environment names where they are sent."""
