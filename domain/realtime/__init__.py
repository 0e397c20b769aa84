"""One bus: what changed for a person reaches their screens in order, or they are told to fetch anew."""
