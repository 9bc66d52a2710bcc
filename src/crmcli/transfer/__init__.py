"""Files: bytes to rows and back, and headings to fields. Knows no database and no rule."""
