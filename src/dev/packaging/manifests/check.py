"""check.py KUBERNETES CHART ADAPTER: validates the manifests and what Helm makes of the chart against the schemas of Kubernetes, and sees that
the adapter's rules offer the metric that the autoscaler wants."""

import pathlib
import sys

import helm_python as helm
import kubernetes_validate
import yaml
from kubernetes_validate.utils import all_versions

# The oldest release that knows preStop.sleep by default, and all later ones that there are schemas of.
OLDEST = (1, 30)
RELEASES = sorted(
    {version[:2] for text in all_versions() if (version := tuple(map(int, text.split(".")))) >= OLDEST}
)


def validate(objects):
    for one in objects:
        for release in RELEASES:
            kubernetes_validate.validate(one, "%d.%d" % release, strict=True)


def is_refused(one):
    try:
        validate([one])
    except kubernetes_validate.ValidationError:
        return True
    return False


def name(one):
    return one["kind"], one["metadata"]["name"]


def plain(folder):
    texts = [path.read_text() for path in sorted(folder.glob("*.yaml"))]
    return {name(one): one for text in texts for one in yaml.safe_load_all(text)}


def rendered(chart, values, release="shop"):
    with helm.Chart.load(str(chart)) as loaded:
        loaded.validate_schema(values)
        texts = loaded.render(values, name=release, namespace="default")
    objects = [one for file, text in texts.items() if file.endswith(".yaml") for one in yaml.safe_load_all(text) if one]
    validate(objects)
    return {name(one): one for one in objects}


def main():
    folder, chart, adapter = map(pathlib.Path, sys.argv[1:])
    assert len(RELEASES) >= 3, RELEASES
    manifests = plain(folder)
    validate(manifests.values())

    wanted = {metric["pods"]["metric"]["name"] for metric in manifests["HorizontalPodAutoscaler", "shop"]["spec"]["metrics"]}
    offered = {rule["seriesQuery"].partition("{")[0] for rule in yaml.safe_load(adapter.read_text())["rules"]}
    assert wanted == offered, (wanted, offered)

    # A check that finds no fault has to find one that is there.
    wrong = yaml.safe_load((folder / "deployment.yaml").read_text())
    wrong["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    assert is_refused(wrong), "a misspelt probe was not noticed"

    findings = helm.lint(str(chart))
    # Severity 1 is advice, as to have an icon.
    assert not findings["errors"] and all(one["severity"] <= 1 for one in findings["messages"]), findings
    default = rendered(chart, {})
    config = default["Deployment", "shop"]["spec"]["template"]["metadata"]["annotations"].pop("rsgi/config")
    assert len(config) == 64, config
    for key in manifests.keys() | default.keys():
        assert manifests.get(key) == default.get(key), f"{key}\n{manifests.get(key)}\n{default.get(key)}"

    fixed = rendered(chart, {"autoscaling": {"enabled": False}, "networkPolicy": {"enabled": False}, "replicas": 3}, "store")
    assert {kind for kind, _ in fixed} == {"ConfigMap", "Deployment", "PodDisruptionBudget", "Service"}, fixed.keys()
    assert fixed["Deployment", "store"]["spec"]["replicas"] == 3
    more = {"env": [{"name": "A", "value": "1"}], "image": {"pullPolicy": "Always"}, "service": {"type": "NodePort"}, "drain": 9}
    more = rendered(chart, more)
    assert more["Deployment", "shop"]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] == 49
    assert more["Service", "shop"]["spec"]["type"] == "NodePort"
    for values in [{"replica": 3}, {"config": "no section"}, {"autoscaling": {"enabled": "yes"}}]:
        try:
            rendered(chart, values)
        except helm.HelmError:
            continue
        raise AssertionError(f"the chart takes {values}")
    first, last = (".".join(map(str, release)) for release in (RELEASES[0], RELEASES[-1]))
    print(f"{len(manifests)} objects against Kubernetes {first} to {last}, chart by Helm {helm.helm_sdk_version()}")


main()
