#!/usr/bin/env python3
"""What a platform engineer looks for in the rendered chart: `checks.py RENDERED ALERTS`."""

import sys

import yaml


def pods(document):
    """The document's pod, as name, labels and spec."""
    if document["kind"] == "Pod":
        yield document["metadata"]["name"], document["metadata"]["labels"], document["spec"]
    elif document["kind"] in ("Deployment", "Job"):
        template = document["spec"]["template"]
        yield document["metadata"]["name"], template["metadata"]["labels"], template["spec"]


def restricted(name, spec):
    """Kubernetes' pod security standard `restricted`, and more."""
    assert spec["automountServiceAccountToken"] is False, name
    assert spec["enableServiceLinks"] is False, name
    context = spec["securityContext"]
    assert context["runAsNonRoot"] and context["runAsUser"] == context["fsGroup"] == 65532, name
    assert context["seccompProfile"]["type"] == "RuntimeDefault", name
    for container in spec["containers"]:
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False, name
        assert context["readOnlyRootFilesystem"] is True, name
        assert context["capabilities"] == {"drop": ["ALL"]}, name
        assert container["resources"]["requests"] and container["resources"]["limits"]["memory"], name
        mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        assert mounts["config"] == "/etc/cloakroom", name
        assert set(mounts) == {volume["name"] for volume in spec["volumes"]}, name
        for variable in container["env"]:
            assert not any(word in variable["name"] for word in ("SECRET", "PASSWORD")), variable


def selects(selector, labels):
    return all(labels.get(key) == value for key, value in selector.items())


def gateway(deployment, toml):
    spec = deployment["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    drain = int(toml.split('drain_delay = "')[1].split("s")[0])
    doctor = 20 if "--doctor" in container["args"] else 0
    assert spec["terminationGracePeriodSeconds"] == drain + 35 + doctor, spec
    readiness, liveness = container["readinessProbe"], container["livenessProbe"]
    assert liveness["httpGet"]["path"] == "/livez" and readiness["httpGet"]["path"] == "/readyz"
    assert drain > readiness["periodSeconds"] * readiness["failureThreshold"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    environment = {variable["name"]: variable.get("value") for variable in container["env"]}
    address = environment["CLOAKROOM_HTTP__ADDRESS"]
    assert f'address = "{address}"' in toml and address.endswith(f":{ports['http']}")
    is_sqlite = "sqlite://" in toml
    assert deployment["spec"]["strategy"]["type"] == ("Recreate" if is_sqlite else "RollingUpdate")
    assert deployment["spec"]["template"]["metadata"]["annotations"]["checksum/config"]


def main():
    with open(sys.argv[1]) as file:
        documents = [document for document in yaml.safe_load_all(file) if document]
    of = lambda kind: [document for document in documents if document["kind"] == kind]
    (deployment,) = of("Deployment")
    is_hook = lambda document: "helm.sh/hook" in document["metadata"].get("annotations", {})
    all_pods = [pod for document in documents for pod in pods(document)]
    for name, _, spec in all_pods:
        restricted(name, spec)
    (config,) = (document for document in of("ConfigMap") if not is_hook(document))
    toml = config["data"]["cloakroom.toml"]
    gateway(deployment, toml)
    assert not of("Secret"), "the chart makes no Secret"
    # Services, budget and spread mean the gateway's pods only.
    selectors = [service["spec"]["selector"] for service in of("Service")]
    selectors += [document["spec"]["selector"]["matchLabels"] for document in of("PodDisruptionBudget")]
    for selector in selectors:
        chosen = [name for name, labels, _ in all_pods if selects(selector, labels)]
        assert chosen == [deployment["metadata"]["name"]], chosen
    # Every pod is under the policy.
    for policy in [document for document in of("NetworkPolicy") if not is_hook(document)]:
        assert set(policy["spec"]["policyTypes"]) == {"Ingress", "Egress"}
        for name, labels, _ in all_pods:
            assert selects(policy["spec"]["podSelector"]["matchLabels"], labels), name
    # The migration's objects exist before it runs, its configuration is the gateway's.
    for job in of("Job"):
        (copy,) = (document for document in of("ConfigMap") if is_hook(document))
        assert copy["data"] == config["data"]
        weights = [int(document["metadata"]["annotations"]["helm.sh/hook-weight"]) for document in documents
                   if is_hook(document) and document["kind"] not in ("Job", "Pod")]
        assert max(weights) < int(job["metadata"]["annotations"]["helm.sh/hook-weight"])
    assert bool(of("Job")) == ("sqlite://" not in toml)
    for claim in of("PersistentVolumeClaim"):
        assert claim["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    for rule in of("PrometheusRule"):
        with open(sys.argv[2]) as file:
            assert rule["spec"] == yaml.safe_load(file), "the alerts are others"
    monitors, services = of("ServiceMonitor"), of("Service")
    for monitor in monitors:
        wanted = monitor["spec"]["selector"]["matchLabels"]
        (found,) = (service for service in services if selects(wanted, service["metadata"]["labels"]))
        assert [port["name"] for port in found["spec"]["ports"]] == ["metrics"]


main()
