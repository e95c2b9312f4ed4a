"""Charts that a file asks for by an option: rows of `charts.py`."""

from disagg.catalog.chart import CONTROLLER_WAVE, DEVICE_WAVE, Chart
from disagg.catalog.source import published

LEADER_WORKER_SET = Chart(
    name="lws",
    repository="oci://registry.k8s.io/lws/charts",
    version="0.10.0",
    app_version="v0.10.0",
    namespace="lws-system",
    wave=CONTROLLER_WAVE,
    option="leader_worker_set",
    brings=("LeaderWorkerSet.leaderworkerset.x-k8s.io",),
    # Why: the chart in Git names the image tag `main`; the pin must not depend on a release script.
    values={"image": {"manager": {"tag": "v0.10.0", "pullPolicy": "IfNotPresent"}}},
    why=(
        "Groups of pods that start and fail as one, for model servers over several nodes. Nothing"
        " that is rendered uses it: every pod here fits one node."
    ),
    source=published(
        "kubernetes-sigs/lws@060ab4d charts/lws, site/content/en/docs/installation", "2026-08-21"
    ),
)

KEDA = Chart(
    name="keda",
    repository="https://kedacore.github.io/charts",
    version="2.20.2",
    app_version="2.20.2",
    namespace="keda",
    wave=CONTROLLER_WAVE,
    option="keda",
    brings=(
        "ScaledObject.keda.sh",
        "TriggerAuthentication.keda.sh",
        "ClusterTriggerAuthentication.keda.sh",
    ),
    values={"crds": {"install": True}},
    why=(
        "Scales pools on the router's metrics, once Prometheus has them. Nothing that is rendered"
        " uses it: replicas are those of the file."
    ),
    source=published("kedacore/charts@1444d00 keda", "2026-08-13"),
)

FSX = Chart(
    name="aws-fsx-csi-driver",
    repository="https://kubernetes-sigs.github.io/aws-fsx-csi-driver",
    version="1.17.0",
    app_version="1.9.0",
    namespace="kube-system",
    wave=DEVICE_WAVE,
    option="file_system",
    # Why no controller: it makes and resizes file systems, for which it would need rights in AWS;
    # ours is there before. `nodeComponentOnly` says the same and leaves the controller in place.
    values={"controller": {"replicaCount": 0}},
    environment_values=("node.region",),
    why=(
        "Mounts the file system of models on the nodes (`weights.kind: fsx`). Only its daemon"
        " runs: it mounts what a volume names, by DNS, and asks AWS nothing."
    ),
    source=published(
        (
            "kubernetes-sigs/aws-fsx-csi-driver@5b227125 charts/aws-fsx-csi-driver (values.yaml,"
            " templates), pkg/driver/node.go; 1.17.0 in index.yaml of gh-pages"
        ),
        "2026-04-21",
    ),
)
