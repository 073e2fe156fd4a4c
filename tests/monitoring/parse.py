"""Reads an exposition with Prometheus' own parser and prints every sample as JSON. Argument: text or openmetrics."""

import json
import sys

if sys.argv[1] == "openmetrics":
    from prometheus_client.openmetrics.parser import text_string_to_metric_families
else:
    from prometheus_client.parser import text_string_to_metric_families

families = list(text_string_to_metric_families(sys.stdin.read()))
names = [family.name for family in families]
assert len(names) == len(set(names)), names
assert all(family.documentation for family in families)
json.dump(
    [
        {"family": family.name, "type": family.type, "name": sample.name, "labels": sample.labels, "value": sample.value}
        for family in families
        for sample in family.samples
    ],
    sys.stdout,
)
