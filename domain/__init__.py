"""Everything that thinks: pure rules and algorithms, the services that use them and the stores they keep state in."""
