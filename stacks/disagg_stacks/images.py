"""The layer that keeps images; where nodes pull from elsewhere there is none."""

import aws_cdk as cdk

from disagg.config.environment import Environment
from disagg.config.images import Ecr
from disagg.planner.images import cache_rules, copied, registry
from disagg_constructs import CacheRule, ImageRegistry, ImageRegistryProps
from disagg_stacks.base import EnvironmentStack


class ImagesStack(EnvironmentStack):
    """A repository for each image that manifests and charts name."""

    def __init__(
        self, scope: cdk.App | cdk.Stage, *, environment: Environment, source: Ecr
    ) -> None:
        super().__init__(
            scope,
            environment=environment,
            layer="Images",
            description="Images for disaggregated LLM inference",
        )
        ImageRegistry(
            self,
            "Registry",
            props=ImageRegistryProps(
                repositories=list(dict.fromkeys(one.repository for one in copied(environment))),
                cache_rules={
                    prefix: CacheRule(
                        upstream=one.upstream,
                        credential_arn=getattr(source.credentials, one.credential)
                        if one.credential
                        else None,
                    )
                    for prefix, one in cache_rules(environment).items()
                },
            ),
        )
        self.publish("registry", str(registry(environment)))
