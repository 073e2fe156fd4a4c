"""container.py KUBERNETES: tells as JSON how a node starts the Deployment's container, in the words of `docker run`."""

import json
import pathlib
import sys

import yaml

folder = pathlib.Path(sys.argv[1])


def load(name):
    return yaml.safe_load((folder / name).read_text())


deployment = load("deployment.yaml")["spec"]["template"]["spec"]
container = deployment["containers"][0]
rights = {**deployment["securityContext"], **container["securityContext"]}
assert rights["runAsNonRoot"] and not rights["allowPrivilegeEscalation"] and rights["readOnlyRootFilesystem"]
ports = {port["name"]: port["containerPort"] for port in container["ports"]}
probes = [container[name]["httpGet"] for name in ("startupProbe", "readinessProbe", "livenessProbe")]
mount = next(mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] == "config")
grace = deployment["terminationGracePeriodSeconds"] - container["lifecycle"]["preStop"]["sleep"]["seconds"]
memory = container["resources"]["limits"]["memory"].replace("Mi", "m")
options = ["--read-only", "--security-opt=no-new-privileges", f"--memory={memory}", f"--stop-timeout={grace}"]
options += [f"--user={rights['runAsUser']}:{rights['runAsGroup']}", "--tmpfs=/tmp"]
options += [f"--cap-drop={name}" for name in rights["capabilities"]["drop"]]
options += [f"--publish=127.0.0.1::{port}" for port in ports.values()]
told = {
    "options": options,
    "words": container["args"],
    "config": load("configmap.yaml")["data"]["rsgi.ini"],
    "mount": mount,
    "pages": ports["http"],
    "probes": [[ports[probe["port"]], probe["path"]] for probe in probes],
    "scrape": int(load("deployment.yaml")["spec"]["template"]["metadata"]["annotations"]["prometheus.io/port"]),
    "metrics": [one["pods"]["metric"]["name"] for one in load("autoscaler.yaml")["spec"]["metrics"]],
}
print(json.dumps(told))
