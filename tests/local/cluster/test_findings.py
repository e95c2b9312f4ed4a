"""Each kind of finding is told once, with what to change; a clean report has none."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from disagg.checks.rehearsal import CODES
from disagg.local.cluster.apply import Applied, Refusal
from disagg.local.cluster.connections import Connection
from disagg.local.cluster.findings import findings, to_json
from disagg.local.cluster.report import Drain, Loss, Quota, Report, Rollout, Waiting
from disagg.local.cluster.tell import lines

REFUSAL = Refusal(file="30.yaml", name="Deployment a/decode", status=400, message="no such field")
WAITING = Waiting(
    workload="a/decode",
    pods=1,
    of=2,
    why="it asks for too much",
    fix="ask for less",
    scheduler="0/2",
)
DRAIN = Drain(node="n-1", group="g", evicted=2, blocked={}, waiting=(), settled=True)
ROLLOUT = Rollout(workload="a/decode", complete=True, least_ready=1, of=2)
CLEAN = Report(
    kubernetes="1.34.4",
    nodes=(),
    applied=Applied(accepted=3, refusals=(), dropped=(), warnings=()),
    placements=(),
    waiting=(),
    unmade={},
    unplayed=(),
    settled=True,
    losses=(Loss(node="n-1", group="g", waiting=(WAITING,), settled=True),),
    drains=(DRAIN,),
    rollouts=(ROLLOUT,),
    definitions=(),
    connections=(
        Connection(source="10.0.0.0/16", destination="a/router", port=8081, port_name="http"),
    ),
    unguarded=(),
    idle_policies=(),
    quotas=(Quota(name="a/gpus", hard={"pods": "10"}, used={"pods": "4"}),),
    files={"a/decode": "30.yaml"},
    seconds={},
)
APPLIED = CLEAN.applied
BROKEN: dict[str, tuple[dict[str, Any], str, str]] = {
    "DISAGG-REH-001": (
        {"applied": replace(APPLIED, refusals=(REFUSAL,))},
        "Deployment a/decode",
        "the API server answers 400: no such field",
    ),
    "DISAGG-REH-002": (
        {"applied": replace(APPLIED, dropped=(replace(REFUSAL, message="spec.x"),))},
        "Deployment a/decode",
        "the API server forgets spec.x",
    ),
    "DISAGG-REH-003": (
        {"unmade": {"a/decode": "exceeded quota"}},
        "a/decode",
        "pods cannot be made: exceeded quota",
    ),
    "DISAGG-REH-004": (
        {"waiting": (WAITING,)},
        "a/decode",
        "1 of 2 pods Pending: it asks for too much",
    ),
    "DISAGG-REH-005": ({"settled": False}, "", "pods were still being made"),
    "DISAGG-REH-007": (
        {"drains": (replace(DRAIN, blocked={"a/decode": "budget"}),)},
        "n-1 a/decode",
        "its pods may not be evicted: budget",
    ),
    "DISAGG-REH-008": (
        {"rollouts": (replace(ROLLOUT, complete=False),)},
        "a/decode",
        "a new pod finds no place",
    ),
    "DISAGG-REH-011": (
        {"unplayed": ("LeaderWorkerSet a/decode",)},
        "LeaderWorkerSet a/decode",
        "its controller does not run here",
    ),
    "DISAGG-REH-012": (
        {"rollouts": (replace(ROLLOUT, least_ready=0),)},
        "a/decode",
        "of 2 pods none is ready",
    ),
    "DISAGG-REH-009": ({"unguarded": ("a/decode",)}, "a/decode", "no network policy selects"),
    "DISAGG-REH-010": ({"idle_policies": ("a/p",)}, "NetworkPolicy a/p", "it selects no pod"),
}


def test_a_clean_report_has_no_findings_although_a_lost_node_leaves_pods_waiting() -> None:
    assert findings(CLEAN) == []


@pytest.mark.parametrize("code", BROKEN)
def test_each_kind_is_told_once_with_what_to_change(code: str) -> None:
    changes, path, got = BROKEN[code]
    (problem,) = findings(replace(CLEAN, **changes))
    assert (problem.code, problem.path) == (code, path)
    assert problem.got.startswith(got)
    assert problem.need
    assert problem.fix
    assert problem.file == ("30.yaml" if "decode" in path else "")


def test_every_code_but_that_of_missing_nodes_has_a_kind_of_finding() -> None:
    assert BROKEN.keys() | {"DISAGG-REH-006"} == CODES.keys()


def test_the_report_as_data_survives_json_and_counts_its_version() -> None:
    data = json.loads(json.dumps(to_json(replace(CLEAN, waiting=(WAITING,)), "a", Path("a.yaml"))))
    assert data["schema_version"] == 4
    assert (data["environment"], data["file"], data["passed"]) == ("a", "a.yaml", False)
    assert to_json(CLEAN, "a", Path("a.yaml"))["passed"] is True
    assert data["drains"][0]["evicted"] == 2
    assert data["connections"][0] == {
        "source": "10.0.0.0/16",
        "destination": "a/router",
        "port": 8081,
        "port_name": "http",
    }
    assert data["findings"][0]["code"] == "DISAGG-REH-004"


def test_the_report_in_words_says_what_a_loss_a_drain_and_a_roll_out_do() -> None:
    told = "\n".join(lines(CLEAN))
    assert "n-1: a/decode: 1 of 2 pods wait: it asks for too much\n    -> ask for less" in told
    assert "n-1: its 2 pods go, each to another place" in told
    assert "a/decode: at the worst moment 1 of 2 pods are ready\n" in told
    assert "quota a/gpus: pods 6 of 10 left" in told
    assert "10.0.0.0/16 -> a/router (0 replicas): 8081 (http)" in told
    assert told.endswith("\nNo findings; of 1 loss tried the worst: 1 of 2 pods of a/decode wait.")
    worse = replace(WAITING, pods=2, workload="a/prefill")
    two = (*CLEAN.losses, replace(CLEAN.losses[0], node="n-2", waiting=(worse,)))
    said = "\n".join(lines(replace(CLEAN, losses=two)))
    assert said.endswith("of 2 losses tried the worst: 2 of 2 pods of a/prefill wait.")
    assert "\n".join(lines(replace(CLEAN, waiting=(WAITING,)))).endswith("\n1 finding, told below.")
    alone = replace(ROLLOUT, least_ready=0, of=1)
    assert findings(replace(CLEAN, rollouts=(alone,))) == []
    stopped = "\n".join(lines(replace(CLEAN, rollouts=(alone,))))
    assert "0 of 1 pods are ready: nothing is served until a new one is" in stopped


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"losses": (Loss(node="n-1", group="g", waiting=(), settled=False),)}, "loss of n-1"),
        ({"drains": (replace(DRAIN, settled=False),)}, "drain of n-1"),
    ],
)
def test_pods_that_still_move_after_a_trial_are_a_finding(
    changes: dict[str, Any], path: str
) -> None:
    (found,) = findings(replace(CLEAN, **changes))
    assert (found.code, found.path) == ("DISAGG-REH-005", path)


def test_what_a_drain_does_as_a_loss_does_is_told_once() -> None:
    same = "\n".join(lines(replace(CLEAN, drains=(replace(DRAIN, waiting=(WAITING,)),))))
    assert "n-1: the same pods wait as when it is lost" in same
    assert same.count("-> ask for less") == 1
    other = replace(WAITING, pods=2)
    differs = "\n".join(lines(replace(CLEAN, drains=(replace(DRAIN, waiting=(other,)),))))
    assert "the same pods wait" not in differs
    assert differs.count("-> ask for less") == 2


def test_without_trials_the_report_says_so() -> None:
    broken = replace(CLEAN, waiting=(WAITING,), losses=(), drains=(), rollouts=())
    assert "Loss, drain and roll-out were not tried" in "\n".join(lines(broken))
