"""What the engine promises, measured on experiments whose truth is known."""
