"""State: who is signed in, and one file of handlers per page."""
