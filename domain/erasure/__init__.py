"""Deleting what is kept of people: the one transaction that every erasure goes through, and what it reached."""
