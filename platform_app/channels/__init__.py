"""Channels: what each kind of channel can do, one class for each."""
