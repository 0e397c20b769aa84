"""What people take to at this moment: counts that every learned event changes at once, and that name nobody."""
