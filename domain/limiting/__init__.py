"""How many calls and events one caller may make: counted here, settled with the other processes through Redis."""
