"""The interface as a person works with it: settings learned from days of use, and shortcuts mined from sessions."""
