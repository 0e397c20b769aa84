"""Schema migrations, applied in order by `personalization migrate`; the SQL of each stands beside it in `sql/`."""
