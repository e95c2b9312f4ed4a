"""Codes of what a control plane finds; `disagg.local.cluster.findings` uses them."""

REFUSED = "DISAGG-REH-001"
DROPPED = "DISAGG-REH-002"
UNMADE = "DISAGG-REH-003"
WAITING = "DISAGG-REH-004"
MOVING = "DISAGG-REH-005"
NODES = "DISAGG-REH-006"
BLOCKED = "DISAGG-REH-007"
STUCK = "DISAGG-REH-008"
UNGUARDED = "DISAGG-REH-009"
IDLE = "DISAGG-REH-010"
UNPLAYED = "DISAGG-REH-011"
GAP = "DISAGG-REH-012"

CODES: dict[str, tuple[str, str]] = {
    REFUSED: (
        "The API server accepts every object and every pod of a workload.",
        (
            "A real API server judged it: schema, validation, quotas, Pod Security and policies."
            " A workload that breaks Pod Security is accepted with a warning and never gets a pod,"
            " so its pod is judged as well."
        ),
    ),
    DROPPED: (
        "The API server keeps every field.",
        (
            "It forgets fields of features that are switched off, without a word, even when"
            " validation is strict."
        ),
    ),
    UNMADE: (
        "The controllers can make every pod.",
        "The workload was accepted, but its pods are refused: a quota or a policy.",
    ),
    WAITING: (
        "Every pod has a place.",
        (
            "The real scheduler looked at nodes made from what the AWS endpoint says was created. A"
            " label, taint, zone or capacity that manifests and templates disagree on shows here."
        ),
    ),
    MOVING: (
        "Placement comes to rest.",
        (
            "Pods were still being made or placed when patience ended: workloads may be evicting"
            " one another, or this machine is too busy."
        ),
    ),
    NODES: (
        "What was created can be turned into nodes.",
        (
            "A node group names an instance type that no catalogue knows, or a subnet that is not"
            " there."
        ),
    ),
    BLOCKED: (
        "Every node can be drained.",
        (
            "One node of each group was cordoned and its pods evicted, as an upgrade of the group"
            " does. A disruption budget that holds for ever makes EKS give the upgrade up after 15"
            " minutes."
        ),
    ),
    STUCK: (
        "Every workload can be replaced.",
        (
            "Each was rolled out once. Where every GPU is taken, a strategy that starts a new pod"
            " before an old one is gone never ends: set maxSurge to 0 and maxUnavailable to 1."
        ),
    ),
    UNGUARDED: (
        "A network policy guards every pod.",
        "Policies are evaluated on the labels of live pods; nothing enforces them here.",
    ),
    IDLE: (
        "Every network policy selects pods.",
        "One that selects none protects nothing, without an error.",
    ),
    UNPLAYED: (
        "The controller of everything that makes pods runs here.",
        (
            "Those of Kubernetes do, those of other projects do not, and a CronJob's time never"
            " comes: such pods were judged by the API server and never placed. A rehearsal that"
            " says nothing of them would be taken for a yes. Try them on a cluster."
        ),
    ),
    GAP: (
        "A workload of several pods never has none while it is replaced.",
        (
            "Each was rolled out once, and the server's history says how many pods were ready at"
            " every moment. Set maxUnavailable to 1. A workload of one pod that must go before the"
            " next comes is reported and is no finding."
        ),
    ),
}
"""What `disagg explain` says about each code: title and text."""
