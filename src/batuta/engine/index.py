"""Task types that the engine itself gives a meaning to. See `plugin/registry.py`."""

_FLOW = "io.kestra.plugin.core.flow."
_EXECUTION = "io.kestra.plugin.core.execution."
_FLOWABLES = "batuta.engine.flowables."
_INLINE = "batuta.engine.inline."

TYPES = {
    _FLOW + "AllowFailure": _FLOWABLES + "allow_failure:AllowFailure",
    _FLOW + "Approval": _FLOWABLES + "approval:Approval",
    _FLOW + "Dag": _FLOWABLES + "dag:Dag",
    _FLOW + "EachParallel": _FLOWABLES + "foreach:EachParallel",
    _FLOW + "EachSequential": _FLOWABLES + "foreach:EachSequential",
    _FLOW + "ForEach": _FLOWABLES + "foreach:ForEach",
    _FLOW + "ForEachItem": _FLOWABLES + "foreach_item:ForEachItem",
    _FLOW + "ForEachItem$ForEachItemExecutable": _FLOWABLES + "foreach_item:ForEachItemExecutions",
    _FLOW + "ForEachItem$ForEachItemMergeOutputs": _FLOWABLES + "foreach_item:ForEachItemMerge",
    _FLOW + "If": _FLOWABLES + "conditional:If",
    _FLOW + "Loop": _FLOWABLES + "loop:Loop",
    _FLOW + "LoopUntil": _FLOWABLES + "loop_until:LoopUntil",
    _FLOW + "Parallel": _FLOWABLES + "parallel:Parallel",
    _FLOW + "Pause": _FLOWABLES + "pause:Pause",
    _FLOW + "Sequential": _FLOWABLES + "sequential:Sequential",
    _FLOW + "Subflow": _FLOWABLES + "subflow:Subflow",
    _FLOW + "Switch": _FLOWABLES + "switch:Switch",
    _FLOW + "Template": _FLOWABLES + "template:Template",
    _FLOW + "WorkingDirectory": _FLOWABLES + "working_directory:WorkingDirectory",
    _EXECUTION + "Exit": _INLINE + "exit:Exit",
    _EXECUTION + "Labels": _INLINE + "labels:Labels",
    _EXECUTION + "SetVariables": _INLINE + "variables:SetVariables",
    _EXECUTION + "UnsetVariables": _INLINE + "variables:UnsetVariables",
}

ALIASES = {
    "io.kestra.core.tasks.flows.Flow": _FLOW + "Subflow",
    "io.kestra.core.tasks.flows.Worker": _FLOW + "WorkingDirectory",
    _FLOW + "WaitFor": _FLOW + "LoopUntil",
}
