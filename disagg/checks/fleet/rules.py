"""What must be true of a fleet beyond its environments: places, names, ranges."""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from ipaddress import IPv4Network
from itertools import combinations
from pathlib import Path

from disagg.checks.rule import Finding, rule
from disagg.config.environment import Environment
from disagg.config.fleet import Place, Stage
from disagg.config.yaml_reader import Loc
from disagg.errors import Severity
from disagg.planner.reservations import shared

STACKS = "stacks"
"""Folder of the fleet's stacks, beside those of its environments."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """A sound environment of a fleet."""

    stage: str
    """Name of its stage."""
    at: Loc
    """Where the fleet file names it."""
    place: Place
    file: Path
    environment: Environment


@rule("DISAGG-FLT-002")
def alias_is_known(accounts: dict[str, str], stages: tuple[Stage, ...]) -> Iterator[Finding]:
    """The account of an environment is one of `accounts`.

    An alias is a name for people; what it stands for is written once.
    """
    for number, stage in enumerate(stages):
        for index, place in enumerate(stage.environments):
            if place.account not in accounts:
                near = get_close_matches(place.account, accounts, n=1)
                yield Finding(
                    at=("stages", number, "environments", index, "account"),
                    got=f"unknown account {place.account!r}",
                    need=f"one of {', '.join(accounts)}",
                    fix=f"did you mean {near[0]!r}?" if near else "add it to accounts:",
                )


@rule("DISAGG-FLT-003")
def account_is_that_of_the_file(
    accounts: dict[str, str], members: tuple[Member, ...]
) -> Iterator[Finding]:
    """The alias stands for the account that the environment file says.

    Every verb takes an environment file alone, so the file says where it goes; the fleet says it
    again, and a file that was copied from another account is noticed before anything is made there.
    """
    for one in members:
        wanted, said = accounts.get(one.place.account), one.environment.aws.account
        if wanted is not None and wanted != said:
            yield Finding(
                at=(*one.at, "account"),
                got=f"{one.place.account} is {wanted}, and {one.file.as_posix()} says {said}",
                need="one account",
                fix=f"set aws.account of the file to {wanted!r}, or name another alias",
            )


@rule("DISAGG-FLT-004")
def region_is_that_of_the_file(members: tuple[Member, ...]) -> Iterator[Finding]:
    """The region of an environment is the one its file says.

    As with the account: said twice on purpose, and held equal.
    """
    for one in members:
        said = one.environment.aws.region
        if one.place.region != said:
            yield Finding(
                at=(*one.at, "region"),
                got=f"{one.place.region}, and {one.file.as_posix()} says {said}",
                need="one region",
                fix=f"set it to {said}, or aws.region of the file to {one.place.region}",
            )


@rule("DISAGG-FLT-005")
def names_of_environments_are_unique(name: str, members: tuple[Member, ...]) -> Iterator[Finding]:
    """Each environment of a fleet has a name of its own, and none has the fleet's.

    A name makes stack names and folders: `dist/<fleet>/<name>`, and `dist/<name>` without a fleet.
    The same file in two places would be one environment in two.
    """
    seen: dict[str, Member] = {}
    for one in members:
        own = one.environment.name
        if own in seen:
            first = seen[own]
            yield Finding(
                at=(*one.at, "file"),
                got=f"{own!r} is the name in {first.file.as_posix()} too (stage {first.stage})",
                need="a name for each environment",
                fix="set `name:` in one of the files, or remove it here",
            )
        elif own in {name, STACKS}:
            yield Finding(
                at=(*one.at, "file"),
                got=f"the environment is named {own!r}",
                need=f"another name than the fleet's, and not {STACKS!r}: both are folders",
                fix=f"set `name:` in {one.file.as_posix()}",
            )
        seen.setdefault(own, one)


@rule("DISAGG-FLT-006")
def names_of_stages_are_unique(stages: tuple[Stage, ...]) -> Iterator[Finding]:
    """Each stage has a name of its own.

    Stages are deployed in the order of the file; two of one name would be one stage in two places.
    """
    for number, stage in enumerate(stages):
        if stage.name in {one.name for one in stages[:number]}:
            yield Finding(
                at=("stages", number, "name"),
                got=f"a second stage {stage.name!r}",
                need="a name for each stage",
                fix="rename it, or merge the two",
            )


@rule("DISAGG-FLT-007")
def accounts_have_one_alias(accounts: dict[str, str]) -> Iterator[Finding]:
    """Each account has one alias.

    With two, a change meant for one of them would reach both.
    """
    seen: dict[str, str] = {}
    for alias, account in accounts.items():
        if account in seen:
            yield Finding(
                at=("accounts", alias),
                got=f"{account} is {seen[account]!r} already",
                need="one alias for each account",
                fix="remove one of them, or correct the account",
            )
        seen.setdefault(account, alias)


@rule("DISAGG-FLT-008", severity=Severity.WARNING)
def vpc_ranges_do_not_overlap(members: tuple[Member, ...]) -> Iterator[Finding]:
    """VPC ranges of one fleet do not overlap.

    VPCs whose ranges overlap cannot be peered, and one route table cannot lead to both: neither a
    transit gateway nor a VPN then reaches all of them. A range cannot change later.
    Source: https://docs.aws.amazon.com/vpc/latest/peering/vpc-peering-basics.html, 2026-11-23.
    """
    for one, other in combinations(members, 2):
        ranges = [IPv4Network(each.environment.network.cidr) for each in (one, other)]
        if ranges[0].overlaps(ranges[1]) and one.environment.name != other.environment.name:
            yield Finding(
                at=(*other.at, "file"),
                got=f"{ranges[1]} of {other.environment.name} overlaps {ranges[0]} of"
                f" {one.environment.name}",
                need="ranges of their own, or networks that never meet",
                fix=f"set network.cidr in {other.file.as_posix()} before it is deployed",
            )


@rule("DISAGG-FLT-009", severity=Severity.WARNING)
def accounts_are_used(accounts: dict[str, str], stages: tuple[Stage, ...]) -> Iterator[Finding]:
    """Every account has an environment.

    An alias that nothing uses is a line nobody checks.
    """
    used = {place.account for stage in stages for place in stage.environments}
    for alias in accounts:
        if alias not in used:
            yield Finding(
                at=("accounts", alias),
                got=f"no environment goes to {alias!r}",
                need="an environment in each account",
                fix="remove it, or add the environment",
            )


@rule("DISAGG-FLT-011")
def stages_hold_environments(stages: tuple[Stage, ...]) -> Iterator[Finding]:
    """A fleet has a stage, and each stage an environment.

    An empty stage would be a promise that something runs there before the next one.
    """
    empty: list[Loc] = [
        ("stages", number, "environments")
        for number, one in enumerate(stages)
        if not one.environments
    ]
    for at in empty if stages else [("stages",)]:
        yield Finding(
            at=at,
            got="an empty list",
            need="at least one entry",
            fix="add one, or remove the stage" if stages else "add a stage",
        )


@rule("DISAGG-FLT-012", severity=Severity.WARNING)
def hyperpod_is_deployed_in_phases(members: tuple[Member, ...]) -> Iterator[Finding]:
    """An environment on HyperPod is deployed before the rest of its fleet, by `disagg deploy`.

    Its nodes need the HyperPod packages in the cluster first, and one `cdk deploy --all` of a fleet
    does not stop to let anybody install them. `disagg deploy` does; what it made, a later run over
    the fleet finds as it should be.
    """
    for one in members:
        if one.environment.cluster.platform == "hyperpod":
            yield Finding(
                at=(*one.at, "file"),
                got=f"{one.environment.name} is on HyperPod, whose nodes wait for its packages",
                need="a deployment that stops for them",
                fix=f"when its stage comes: disagg deploy {one.file.as_posix()}, then the fleet",
            )


@rule("DISAGG-FLT-014")
def bought_capacity_is_shared_out_once(members: tuple[Member, ...]) -> Iterator[Finding]:
    """All environments of a fleet together ask for no more nodes of what was bought than it holds.

    Each file may be right by itself; the reservation, block or plan is one, and the node that is
    too many never starts.
    """
    asked: dict[str, int] = {}
    for one in members:
        for name, groups in shared(one.environment.capacity).items():
            source = next(iter(groups.values())).source
            holds = getattr(source, "instances", 0)
            before = asked.get(name, 0)
            asked[name] = before + sum(group.nodes for group in groups.values())
            if before and asked[name] > holds:
                yield Finding(
                    at=(*one.at, "file"),
                    got=f"{asked[name]} nodes of {name}, with those of environments before it",
                    need=f"at most {holds}, which it holds",
                    fix="buy more, or lower nodes of one of them",
                )
