"""Built-in functions that are shortest when written in jq itself."""

PRELUDE = """
def values: select(. != null);
def nulls: select(. == null);
def booleans: select(type == "boolean");
def numbers: select(type == "number");
def strings: select(type == "string");
def arrays: select(type == "array");
def objects: select(type == "object");
def iterables: select(type == "array" or type == "object");
def scalars: select(type != "array" and type != "object");
def map(f): [.[] | f];
def map_values(f): .[] |= f;
def recurse(f; c): recurse(f | select(c));
def recurse_down: recurse;
def to_entries: [keys_unsorted[] as $name | {key: $name, value: .[$name]}];
def from_entries: reduce .[] as $e ({};
  . + {($e | if type != "object" then error("Cannot read an entry")
       else [.key, .k, .name, .Name, .Key, .K] | map(select(. != null)) | first
       end | if type == "string" then . else tojson end):
      ($e | if has("value") then .value elif has("v") then .v elif has("Value") then .Value else .V end)});
def with_entries(f): to_entries | map(f) | from_entries;
def paths: path(..) | select(length > 0);
def paths(f): path(.. | select(f)) | select(length > 0);
def leaf_paths: paths(scalars);
def any: any(.[]; .);
def any(f): any(.[]; f);
def all: all(.[]; .);
def all(f): all(.[]; f);
def in(owner): . as $key | owner | has($key);
def inside(owner): . as $part | owner | contains($part);
def first: .[0];
def last: .[-1];
def nth($n): .[$n];
def todate: strftime("%Y-%m-%dT%H:%M:%SZ");
def fromdate: fromdateiso8601;
def todateiso8601: todate;
def date: todate;
def dateadd(u; n): . + n;
def datesub(u; n): . - n;
def ascii: [.] | implode;
def finites: select(isinfinite or isnan | not);
def normals: select(isnormal);
def combinations:
  if length == 0 then [] else .[0][] as $x | (.[1:] | combinations) as $rest | [$x] + $rest end;
def combinations(n): . as $set | [range(n)] | map($set) | combinations;
def walk(f):
  def each: if type == "object" then map_values(each) elif type == "array" then map(each) else . end | f;
  each;
def test(re): test(re; null);
def match(re): match(re; null);
def capture(re): capture(re; null);
def capture(re; flags):
  match(re; flags) | [.captures[] | select(.name != null) | {key: .name, value: .string}]
  | from_entries;
def scan(re): scan(re; null);
def scan(re; flags):
  match(re; "g" + flags) | if (.captures | length) > 0 then [.captures[].string] else .string end;
def splits(re): splits(re; null);
def splits(re; flags): split(re; flags) | .[];
def sub(re; text): sub(re; text; "");
def gsub(re; text): sub(re; text; "g");
def gsub(re; text; flags): sub(re; text; flags + "g");
def env: {};
def IN(source): . as $wanted | any(source; . == $wanted);
def IN(wanted; source):
  any(wanted; . as $one | any(source; . == $one));
def INDEX(source; f): reduce source as $row ({}; . + {($row | f | tostring): $row});
def INDEX(f): INDEX(.[]; f);
def tostream:
  path(def each: (.[]? | each), .; each) as $p | getpath($p)
  | reduce path(.[]?) as $q ([$p, .]; [$p + $q]);
def del(f): delpaths([path(f)]);
def ltrimstr($x):
  if type == "string" and ($x | type) == "string" and startswith($x) then .[($x | length):] else . end;
def rtrimstr($x):
  if type == "string" and ($x | type) == "string" and endswith($x) and ($x | length) > 0
  then .[:length - ($x | length)] else . end;
.
"""
