"""Retention: what is too old for its person's level goes by itself, and so do models that learned of the erased."""
