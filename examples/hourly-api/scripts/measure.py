"""Asks the station for its weather, and hands the temperature to the flow."""

import json
import os
from urllib.request import urlopen

with urlopen(os.environ["STATION"], timeout=30) as answer:
    weather = json.load(answer)

print(f"{weather['station']}: {weather['temperature']} degrees")
print(
    "::"
    + json.dumps({"outputs": {"station": weather["station"], "temperature": weather["temperature"]}})
    + "::"
)
