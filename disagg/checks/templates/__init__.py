"""The project's own rules over templates: what CloudFormation and its linters do not know."""

from disagg.checks.rule import Rule, rules_of, run
from disagg.checks.templates import cluster_rules, hyperpod_rules, node_rules
from disagg.checks.templates.resources import Templates
from disagg.errors import Problem

TEMPLATE_RULES: tuple[Rule, ...] = rules_of(node_rules, cluster_rules, hyperpod_rules)


def check_templates(templates: Templates) -> list[Problem]:
    """Return what the rules find in templates by stack name; empty when all is well."""
    return [
        Problem(
            code=one.code,
            severity=one.severity,
            path=".".join(str(part) for part in finding.at),
            got=finding.got,
            need=finding.need,
            fix=finding.fix,
        )
        for one, finding in run(TEMPLATE_RULES, {"templates": templates})
    ]
