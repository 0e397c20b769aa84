"""Answers kept for a while in Redis, so that no work is done twice; never one that has been overtaken."""
