"""The business: pure functions, one file for each act."""
