"""Accounts of another system: what it says of its users, in step with it whatever order its changes arrive in."""
