"""The documented REST routes, each onto the service that its GraphQL twin calls."""
