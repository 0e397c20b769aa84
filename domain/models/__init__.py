"""The trained model as a product of its own: one checksummed file of arrays, and its registry."""
