"""Import: from a file's rows to records, in one act that can be shown before and taken back after.

`how` is what was asked for, `cells` and `rows` turn texts into values, `run` carries it out, `revising` finds
what a row changes; `plan`, `plan_writer` and `plan_apply` are the same in two steps, through a file.

The file is read three times at most: to find out the order of its dates, to stage its rows, and to write those
that were rejected. The staged rows are judged and merged by whole sets (store/bulk/), so memory does not grow
with the file.
"""
