"""Schema migrations, applied in order by `personalization migrate`."""
