"""What was learned of a person from what they did."""
