"""Many records of one kind in one act: staged in a temporary table, judged and written by whole sets.

No statement here runs once for each row but those that fill the stage and those that carry out updates, and
no result is held whole: what Python has to look at is read in pages. SQL is portable; the two databases
differ only in the words of `same`, in JSON, and in how a temporary table is made.
"""
