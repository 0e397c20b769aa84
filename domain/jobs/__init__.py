"""Work off the request path: Postgres remembers it, the queue only wakes a worker."""
