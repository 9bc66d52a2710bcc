"""The database: the only place that writes, and the door through which everything is read."""
