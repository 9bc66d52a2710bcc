"""What people type: text to values, values to text, and the forms by which they are matched."""
