"""Signed receipts of erasures: how they are signed and verified, their chain, and the book beside the journal."""
