"""YAML text to a `Flow`, and given values to typed inputs. Pure: nothing here touches a disk or a clock."""

from __future__ import annotations

from batuta.flows.defaults import PluginDefault
from batuta.flows.edit import Part, parts, replace_task, set_disabled, split_documents, strip_revision
from batuta.flows.findings import Violation, frame
from batuta.flows.inputs import Resolution, ResolvedInput, resolve, type_outputs, unknown
from batuta.flows.parser import InvalidFlow, Reading, named, parse, read
from batuta.flows.reader import ReadLimits
from batuta.flows.schema import flow_schema
from batuta.flows.templates import TemplateFindings, check_templates

__all__ = [
    "InvalidFlow",
    "Part",
    "PluginDefault",
    "ReadLimits",
    "Reading",
    "Resolution",
    "ResolvedInput",
    "TemplateFindings",
    "Violation",
    "check_templates",
    "flow_schema",
    "frame",
    "named",
    "parse",
    "parts",
    "read",
    "replace_task",
    "resolve",
    "set_disabled",
    "split_documents",
    "strip_revision",
    "type_outputs",
    "unknown",
]
