"""The verbs: one file for each noun or report on the command line."""
