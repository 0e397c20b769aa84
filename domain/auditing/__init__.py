"""Who did what to whom, and when: an append-only record whose entries are sealed in a chain."""
