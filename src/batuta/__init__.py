"""Batuta: a workflow orchestrator that runs Kestra flows unchanged.

The packages from the top down; each may import those below it, never those above (checked by import-linter):

    cli                                          the command line
    app                                          the composition root: settings to services
    web | executor | scheduler | worker          services, small loops that do input and output
    firing                                       how a trigger comes to start an execution
    lookups                                      answers what expressions ask for
    ports                                        what a service is given
    testing | store | bus | storage | secrets | plugins
    engine                                       what a flow means: pure, events in, changes and commands out
    flows | timetable                            YAML text to flow, with everything wrong with it; ticks
    plugin                                       the contract for authors of task types
    expr                                         the expression language
    model                                        the nouns, as frozen structs
    settings | egress
    clock | ids | iso8601 | paths
    errors
"""

__version__ = "0.1.0"
