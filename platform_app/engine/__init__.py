"""Engine: rules and sequences at run time: actions, enrollments, run logs, tests on past events."""
