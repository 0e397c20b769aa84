"""From what a user did to a ranked, explained page of items: retrieve, rank, re-rank, explain."""
