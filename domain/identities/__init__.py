"""Ids that turn out to be one person: an anonymous history becomes part of a user's."""
