"""Platform: sales and support teams build, test and run AI agents."""

__version__ = "0.2.0"
