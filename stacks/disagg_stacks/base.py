"""What the stacks of an environment have in common: name, place, tags, and a word to people."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from disagg.config.environment import Environment
from disagg_constructs.lifecycle_scripts import bucket_name

ENVIRONMENT_TAG = "disagg:environment"
"""Tag of everything an environment owns, the VPC and nodes too: find by it, bill by it."""


def stack_name(environment_name: str, layer: str, prefix: str = "Disagg") -> str:
    """Return the name of a stack; different environments never get one name, since the dashes stay.

    Args:
        environment_name: Name of the environment.
        layer: Which of its stacks.
        prefix: First word, without a dash: with one, two environments could share a name.

    Example:
        >>> stack_name("pilot", "Network"), stack_name("eu-1", "Network", "acme")
        ('Disagg-Pilot-Network', 'acme-Eu-1-Network')
    """
    parts = (part.capitalize() for part in environment_name.split("-"))
    return f"{prefix}-{'-'.join(parts)}-{layer}"


def tags_of(environment: Environment) -> dict[str, str]:
    """Return the tags nodes and volumes carry, which launch templates must name themselves."""
    return {ENVIRONMENT_TAG: environment.name, **environment.aws.tags}


def _boundary(arn: str | None) -> cdk.PermissionsBoundary | None:
    """Return what bounds every role of a stack: L1 roles too, which a property injector misses."""
    return None if arn is None else cdk.PermissionsBoundary.from_arn(arn)


def scripts_bucket(environment: Environment) -> str:
    """Return the name of the bucket that the environment's HyperPod reads its scripts from."""
    aws = environment.aws
    return bucket_name(environment.cluster_name, aws.account, aws.region)


class EnvironmentStack(cdk.Stack):
    """One layer of an environment, in its account and region.

    Not protected against termination unless the file asks for it: keys and logs stay by their own
    policy, exports hold a layer as long as another uses it, and an environment must be easy to take
    down while GPU nodes cost money.
    """

    def __init__(
        self,
        scope: Construct,
        *,
        environment: Environment,
        layer: str,
        description: str,
        synthesizer: cdk.DefaultStackSynthesizer | None = None,
    ) -> None:
        super().__init__(
            scope,
            stack_name(environment.name, layer, environment.stack_prefix),
            env=cdk.Environment(account=environment.aws.account, region=environment.aws.region),
            description=description,
            # Why: the template then says nothing of the tool that made it, and equal files give
            # equal bytes.
            analytics_reporting=False,
            # Why: the CLI checks the bootstrap version itself before it deploys (it is in the
            # manifest); the rule would add a parameter that the offline AWS endpoint cannot update.
            synthesizer=synthesizer
            or cdk.DefaultStackSynthesizer(
                generate_bootstrap_version_rule=False,
                qualifier=environment.aws.bootstrap_qualifier,
            ),
            permissions_boundary=_boundary(environment.aws.permissions_boundary),
            # Why not the others: what costs money by the hour must be easy to take down.
            termination_protection=environment.cluster.deletion_protection
            and layer in {"Network", "Cluster"},
        )
        self.layer = layer
        """Which layer it is, such as `Capacity`."""
        self._parameters = f"{environment.parameter_path}/{layer.lower()}"
        for key, value in tags_of(environment).items():
            # Guard: tags of a placement group are create-only; tags of the stack itself would reach
            # it too.
            cdk.Tags.of(self).add(
                key, value, exclude_resource_types=["AWS::EC2::PlacementGroup", "aws:cdk:stack"]
            )

    def own_key(self, environment: Environment) -> kms.IKey | None:
        """Return the key the file names, to be used as it is; None: each layer makes its own.

        Why no policy is added: a key of others is theirs to open, and CloudFormation cannot.
        """
        arn = environment.aws.kms_key_arn
        return None if arn is None else kms.Key.from_key_arn(self, "OwnKey", arn)

    def own_role(self, construct_id: str, arn: str | None) -> iam.IRole | None:
        """Return a role of others, which nothing here changes; None: one is made."""
        if arn is None:
            return None
        return iam.Role.from_role_arn(self, construct_id, arn, mutable=False)

    def publish(self, name: str, value: str) -> None:
        """Write a value to the SSM parameter `/<prefix>/<environment>/<layer>/<name>`."""
        construct_id = "".join(part.capitalize() for part in name.split("-")) + "Parameter"
        ssm.StringParameter(
            self, construct_id, parameter_name=f"{self._parameters}/{name}", string_value=value
        )
