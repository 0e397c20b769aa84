"""Visits: on what device and where in the product somebody is."""
