"""Moving in from another system: its whole export, in one act.

`shapes` is the vocabulary in which a system is described, and `salesforce`, `hubspot` and `pipedrive` are the
descriptions: tables of headings and fields. `export` finds the files and opens them, `translated` reads an
object's rows as rows of ours, `run` brings one object after the other in; `history` is what rows tell of deals,
`rejects` what cannot come in.
"""
