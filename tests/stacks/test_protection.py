"""What protects an environment from a slip, and from a bill."""

from typing import Any

from shipped import checked

from tests.stacks.synthesis import of_type, only, synthesize


def templates(**edits: Any) -> dict[str, Any]:
    return synthesize(checked("pilot", **edits).environment)


def test_a_budget_is_made_when_somebody_is_told() -> None:
    made = templates(budget__emails=["team@example.com"])
    budget = only(made["Disagg-Pilot-Security"], "AWS::Budgets::Budget")["Budget"]
    assert budget["BudgetName"] == "disagg-pilot"
    assert budget["BudgetLimit"]["Amount"] == 180_000
    assert budget["CostFilters"] == {"TagKeyValue": ["user:disagg:environment$pilot"]}
    assert "Disagg-Pilot-Security" not in templates()


def test_a_budget_can_tell_a_topic_that_its_parameter_names() -> None:
    made = templates(budget__topic=True)["Disagg-Pilot-Security"]
    (topic,) = of_type(made, "AWS::SNS::Topic")
    parameter = only(made, "AWS::SSM::Parameter")
    assert parameter["Name"] == "/disagg/pilot/security/spending-topic"
    assert parameter["Value"] == {"Ref": topic}


def test_a_protected_cluster_cannot_be_deleted_and_one_by_default_can() -> None:
    for wanted in (True, False):
        made = templates(cluster__deletion_protection=wanted)
        cluster = only(made["Disagg-Pilot-Cluster"], "AWS::EKS::Cluster")
        assert cluster["DeletionProtection"] is wanted
