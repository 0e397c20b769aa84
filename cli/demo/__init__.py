"""A made-up AI video product to try the service on: its catalogue and 2,000 people with a known structure of taste."""
