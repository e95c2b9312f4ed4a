"""The layer another team may own: what watches over an environment from outside."""

from constructs import Construct

from disagg.config.environment import Environment
from disagg_constructs import SpendingAlarm, SpendingAlarmProps
from disagg_stacks.base import ENVIRONMENT_TAG, EnvironmentStack


class SecurityStack(EnvironmentStack):
    """The budget of an environment; made when the file says who is told."""

    def __init__(self, scope: Construct, *, environment: Environment) -> None:
        super().__init__(
            scope,
            environment=environment,
            layer="Security",
            description="Watches over disaggregated LLM inference",
        )
        budget = environment.budget
        assert budget is not None  # noqa: S101  Why: `build` makes this stack for a budget only.
        alarm = SpendingAlarm(
            self,
            "Budget",
            props=SpendingAlarmProps(
                name=environment.cluster_name,
                usd_per_month=budget.usd_per_month,
                tag_key=ENVIRONMENT_TAG,
                tag_value=environment.name,
                emails=budget.emails,
                topic=budget.topic,
                key=self.own_key(environment),
            ),
        )
        if alarm.topic is not None:
            self.publish("spending-topic", alarm.topic.topic_arn)
