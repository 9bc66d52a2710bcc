"""The answers: one file for each report, with its SQL, its fold and its columns."""
