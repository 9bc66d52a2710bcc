"""Import: from a file's rows to records, in one act that can be shown before and taken back after.

`how` is what was asked for, `rows` turns cells into values, `run` carries it out. The file is read three
times at most: to find out the order of its dates, to stage its rows, and to write those that were rejected.
The staged rows are judged and merged by whole sets (store/bulk.py), so memory does not grow with the file.
"""
