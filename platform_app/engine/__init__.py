"""Engine: runs rules and sequences, and stores what they did."""
