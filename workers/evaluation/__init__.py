"""Offline evaluation: how well models rank what they did not see, beside tuned baselines, on data of anybody's."""
