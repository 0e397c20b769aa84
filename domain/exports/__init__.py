"""Exports: everything that is kept of a person, for that person."""
