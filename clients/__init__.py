"""Clients of the service, for programs of others."""
