"""Tests of the stores of files."""
