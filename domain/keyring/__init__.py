"""Keeping the keys of keys: their rotation while everybody reads and writes."""
