"""What came of personalization for a person: what they took of what was shown, and how satisfied they were."""
