"""Real engines: one file for each system, which maps specs to the calls of `scripts/upstream`."""
