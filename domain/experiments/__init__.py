"""Experiments: who gets which variation, and what came of it. Pure: nothing here knows a store or a clock."""
