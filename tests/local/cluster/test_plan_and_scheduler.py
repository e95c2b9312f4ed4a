"""What `plan` says fits, the real scheduler places; what it says does not, waits."""

import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from fleet import created_by, less_agents
from hypothesis import HealthCheck, Phase, assume, given, seed, settings
from random_environments import environments

import disagg_k8s
from disagg.artifacts import read_templates
from disagg.checks.environment import ENVIRONMENT_RULES
from disagg.checks.manifests.object_rules import is_custom
from disagg.checks.rule import run
from disagg.config.environment import Environment
from disagg.config.parse import parse
from disagg.config.yaml_reader import read_text
from disagg.errors import Severity
from disagg.local.cluster.api import Cluster
from disagg.local.cluster.nodes import make_nodes
from disagg.local.cluster.state import State, apply_nodes, settle
from disagg_stacks import synthesize

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

SHORTAGES = {f"DISAGG-CAP-{number:03}" for number in (3, 6, 7, 8, 9, 10)}


def parsed(text: str) -> tuple[Environment, set[str], set[str]]:
    """Return an environment, sound or not, the codes of the errors in it, and the short roles."""
    found = parse(read_text(text, "random.yaml"))
    assert found.problems == []
    assert found.environment is not None
    errors = [
        (one.code, finding.at)
        for one, finding in run(ENVIRONMENT_RULES, found.sections)
        if one.severity is Severity.ERROR
    ]
    codes = {code for code, _ in errors}
    return found.environment, codes, {str(at[1]) for code, at in errors if code in SHORTAGES}


def placed(cluster: Cluster, environment: Environment) -> State:
    """Return what the scheduler makes of an environment, whatever the rules say of it."""
    with tempfile.TemporaryDirectory() as directory:
        synthesize(environment, Path(directory) / "out")
        templates = read_templates(Path(directory) / "out")
    apply_nodes(cluster.api, [less_agents(one) for one in make_nodes(created_by(templates))])
    # Why not the custom kinds of gateways: they have no pods, and no scheduler places them.
    objects = (one for group in disagg_k8s.render(environment).values() for one in group)
    for one in (each for each in objects if not is_custom(each)):
        answer = cluster.api.apply(one)
        assert answer.accepted, answer.message
    return settle(cluster)


def test_the_scheduler_places_exactly_what_plan_says_fits(
    cluster: Cluster, empty: Any, pytestconfig: pytest.Config
) -> None:
    judged: Counter[str] = Counter()

    @seed(pytestconfig.getoption("seed"))
    @settings(
        max_examples=pytestconfig.getoption("environments"),
        suppress_health_check=list(HealthCheck),
        # Why no shrinking: every example costs two seconds, and the text says enough.
        phases=[Phase.generate],
        derandomize=False,
    )
    @given(text=environments("any", tight=True))
    def agree(text: str) -> None:
        environment, codes, short = parsed(text)
        assume(codes <= SHORTAGES)
        try:
            state = placed(cluster, environment)
            assert state.settled, text
            assert state.unmade == {}, text
            waiting = sorted({one.workload for one in state.pending})
            assert bool(waiting) == bool(codes), f"plan {codes}, scheduler {waiting}:\n{text}"
            if environment.serving.placement == "separate_nodes":
                assert {one.rpartition("/")[2] for one in waiting} == short, text
        finally:
            empty(cluster.api)
        judged["waits" if waiting else "fits", environment.serving.placement] += 1

    agree()
    assert len(judged) == 4, judged
