"""The optional layer of GitOps: there when the file says so, and only then."""

from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from shipped import checked

from disagg.checks.engines import validate_templates
from disagg.checks.templates import check_templates
from disagg_stacks import build
from tests.stacks.synthesis import Template, context, of_type

GROUP = "94482488-3041-7026-18f3-be45837cd0e4"
ARGOCD = {
    "identity_center_arn": "arn:aws:sso:::instance/ssoins-1234567890abcdef",
    "admin_groups": [GROUP],
    "vpc_endpoint_ids": ["vpce-0123456789abcdef0"],
}
NAME = "Disagg-Pilot-Delivery"


def assembly(**edits: Any) -> Any:
    app = cdk.App(context=context())
    build(app, checked("pilot", **edits).environment)
    return app.synth()


def templates(**edits: Any) -> dict[str, Template]:
    return {one.stack_name: one.template for one in assembly(**edits).stacks}


def parameters(template: Template) -> set[str]:
    return {one["Name"] for one in of_type(template, "AWS::SSM::Parameter").values()}


def test_a_file_without_delivery_has_no_such_stack_and_one_with_an_empty_section_does() -> None:
    assert NAME not in templates()
    made = templates(delivery={})
    assert list(made)[-1] == NAME
    assert parameters(made[NAME]) == {
        f"/disagg/pilot/delivery/{name}"
        for name in (
            "cluster-arn",
            "cluster-name",
            "load-balancer-controller-role-arn",
            "region",
            "vpc-id",
        )
    }
    assert not of_type(made[NAME], "AWS::EKS::Capability")


def test_it_changes_no_resource_of_the_other_layers() -> None:
    plain, more = templates(), templates(delivery={"argocd_capability": ARGOCD})
    for name, template in plain.items():
        assert more[name]["Resources"] == template["Resources"]


def test_an_argo_cd_of_aws_says_where_it_is_and_as_whom_it_acts() -> None:
    made = templates(delivery={"argocd_capability": ARGOCD})[NAME]
    published = {f"/disagg/pilot/delivery/argocd-{one}" for one in ("role-arn", "server-url")}
    assert published <= parameters(made)
    (capability,) = of_type(made, "AWS::EKS::Capability").values()
    assert capability["Configuration"]["ArgoCd"]["AwsIdc"]["IdcRegion"] == "us-west-2"


def test_a_region_of_its_own_reaches_identity_center() -> None:
    elsewhere = ARGOCD | {"identity_center_region": "us-east-1"}
    made = templates(delivery={"argocd_capability": elsewhere})[NAME]
    (capability,) = of_type(made, "AWS::EKS::Capability").values()
    assert capability["Configuration"]["ArgoCd"]["AwsIdc"]["IdcRegion"] == "us-east-1"


@pytest.mark.slow
def test_rules_and_engines_of_aws_take_the_stack() -> None:
    made = assembly(delivery={"argocd_capability": ARGOCD})
    found = {one.stack_name: one.template for one in made.stacks}
    assert check_templates(found) == []
    (file,) = [Path(one.template_full_path) for one in made.stacks if one.stack_name == NAME]
    assert validate_templates([file], "us-west-2") == []
