"""Engine: rules at work: what they do, and the log of it."""
