"""What a tenant wants of its lists beside what people want of them: filters, pins, boosts, caps."""
