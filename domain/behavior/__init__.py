"""What people did: events, interactions and sessions, stored once consent is certain."""
