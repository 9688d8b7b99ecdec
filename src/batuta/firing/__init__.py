"""How a trigger comes to start an execution: what the scheduler and the web service need to know alike.

`rules` reads a trigger of a flow, `scene` is what its expressions see, `launching` makes the execution,
`changes` are the ways in which people change a trigger's record.
"""
