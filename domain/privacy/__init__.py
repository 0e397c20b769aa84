"""Privacy: who a person is here, what they agreed to, and the keys that keep their words unreadable to others."""
