"""Who takes part in which experiment, and the record of who was shown a difference."""
