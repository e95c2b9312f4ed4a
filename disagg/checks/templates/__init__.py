"""The project's own rules over templates: what CloudFormation and its linters do not know."""

from disagg.checks.rule import Rule, rules_of, run
from disagg.checks.templates import (
    ami_rules,
    closed_rules,
    cluster_rules,
    file_system_rules,
    hyperpod_rules,
    node_rules,
    organisation_rules,
    storage_rules,
)
from disagg.checks.templates.resources import Templates
from disagg.config.environment import Environment
from disagg.errors import Problem

TEMPLATE_RULES: tuple[Rule, ...] = rules_of(
    node_rules,
    cluster_rules,
    hyperpod_rules,
    organisation_rules,
    ami_rules,
    storage_rules,
    file_system_rules,
    closed_rules,
)


def check_templates(templates: Templates, environment: Environment | None = None) -> list[Problem]:
    """Return what the rules find in templates by stack name; empty when all is well.

    Args:
        templates: Synthesized templates by stack name, of whatever app.
        environment: The file they were made of. Default: rules that ask for it are passed over.
    """
    given = {"templates": templates} | ({"environment": environment} if environment else {})
    return [
        Problem(
            code=one.code,
            severity=one.severity,
            path=".".join(str(part) for part in finding.at),
            got=finding.got,
            need=finding.need,
            fix=finding.fix,
        )
        for one, finding in run(TEMPLATE_RULES, given)
    ]
