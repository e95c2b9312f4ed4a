"""What people bring into an account before nodes run there: images, charts, weights."""

from collections.abc import Iterator
from dataclasses import dataclass

from disagg.catalog.chart import Chart
from disagg.catalog.registries import split
from disagg.config.environment import Environment
from disagg.config.images import Ecr
from disagg.planner.add_ons import installed
from disagg.planner.images import Copied, copied, registry
from disagg.planner.weights import (
    brought_vocabulary,
    bucket_name,
    store_of,
    store_url,
    vocabulary_url,
)

PAGE = "bring-in.md"
"""Name of the page below `dist/<name>/runbooks`."""
LOADER = "load_weights.py"
"""Name of the program beside it that copies a model to the bucket."""

_HEAD = """\
# What is brought into {name}

{why} Made by `disagg synth`. Run it where the internet and the account
are both reached: a workstation, a build job, AWS CloudShell outside the VPC. Needs the AWS CLI,
[crane](https://github.com/google/go-containerregistry){helm}.

Deploy first: {made}. The GPU groups may stay empty
meanwhile.
"""

_IMAGES = """
## Images

{count} images. A tag that is there is not overwritten{immutable}: copying it again is refused,
which is as it should be.

{login}
{copies}
{fetched}"""

_CHARTS = """
## Charts

Helm repositories are not reached either. Unpack the charts beside the helmfile, after the last
`disagg synth`, which writes the folder anew; then carry `dist/{name}` into the VPC, or commit it to
the repository that Argo CD reads, as a Git server inside the VPC or behind an endpoint.

{pulls}
"""

_WEIGHTS = """
## Weights

Nothing in the VPC reaches Hugging Face, so no Job copies the model. The same program does it from
here, checked against the commit; run it again and it goes on where it was.

    pip install boto3
    AWS_REGION={region} python3 dist/{name}/runbooks/{loader} \\
      {model} {revision} \\
      {store}{token}

Who runs it may read, write and list `{bucket}`{key}.
"""
_VOCABULARY = """
The engine would fetch one more file at its start, which pods take from the bucket instead:

    curl -fsSLO {url}
    echo "{sha256}  {name}" | sha256sum -c
    aws s3 cp {name} {place}
"""


def pages(environment: Environment) -> dict[str, str]:
    """Return the page by file name; none where everything is fetched by the cluster itself."""
    images = copied(environment)
    if not images and not environment.closed:
        return {}
    parts = [_head(environment)]
    if images:
        parts.append(_images(environment, images))
    if environment.closed:
        parts.append(_charts(environment))
        parts += _weights(environment)
        parts += _reach(environment)
    return {PAGE: "".join(parts)}


def brings_weights(environment: Environment) -> bool:
    """Tell whether people fill the bucket, with the program beside the page."""
    return environment.closed and store_of(environment) is not None


def _head(environment: Environment) -> str:
    made = [
        *(["repositories"] if isinstance(environment.images, Ecr) else []),
        *(["the model bucket"] if brings_weights(environment) else []),
    ]
    return _HEAD.format(
        name=environment.name,
        why="Its network has no way to the internet."
        if environment.closed
        else "Its nodes pull images from a registry of yours only.",
        helm=", [helm](https://helm.sh) and git" if environment.closed else "",
        made=f"{' and '.join(made)} are made by the stacks" if made else "the registry is yours",
    )


def _images(environment: Environment, images: tuple[Copied, ...]) -> str:
    own = isinstance(environment.images, Ecr)
    copies = [one for one in images if not one.fetched_by_ecr]
    fetched = [one for one in images if one.fetched_by_ecr]
    text = (
        "\nECR fetches these itself when they are pulled for the first time, which needs a way to"
        "\nthe internet where the VPC has endpoints of ECR; afterwards it has them:\n\n"
    )
    text += "\n".join(f"- `{one.pulled}` ({one.used_by})" for one in fetched) + "\n"
    return _IMAGES.format(
        count=len(images),
        immutable="" if own else ", if your registry is set so",
        login="\n".join(_logins(environment, copies)),
        copies="\n".join(f"    crane copy {one.upstream} \\\n      {one.pulled}" for one in copies),
        fetched=text if fetched else "",
    )


def _logins(environment: Environment, copies: list[Copied]) -> Iterator[str]:
    """Yield the commands that open registries of AWS: ours, and AWS's own that is read."""
    hosts = {split(one.upstream)[0] for one in copies}
    if isinstance(environment.images, Ecr):
        hosts.add(str(registry(environment)))
    for host in sorted(one for one in hosts if ".dkr.ecr." in one):
        region = host.split(".")[3]
        token = f"aws ecr get-login-password --region {region}"
        yield f"    {token} | \\\n      crane auth login -u AWS --password-stdin {host}"


def _charts(environment: Environment) -> str:
    folder = f"dist/{environment.name}/charts/vendored"
    pulls = "\n".join(
        f"    {line}" for one in installed(environment) for line in _pull(one, folder)
    )
    return _CHARTS.format(name=environment.name, pulls=pulls)


def _pull(chart: Chart, folder: str) -> Iterator[str]:
    if chart.path:
        clone = f"/tmp/{chart.name}"  # noqa: S108  Why: a path in a command that people read.
        yield f"git clone --no-checkout {chart.repository} {clone}"
        yield f"git -C {clone} checkout {chart.version}"
        yield f"helm dependency update {clone}/{chart.path}"
        yield f"mkdir -p {folder} && cp -r {clone}/{chart.path} {folder}/{chart.name}"
        return
    oci = chart.repository.startswith("oci://")
    where = f"{chart.repository}/{chart.name}" if oci else f"{chart.name} --repo {chart.repository}"
    yield f"helm pull {where} \\"
    yield f"  --version {chart.version} --untar --untardir {folder}"


def _weights(environment: Environment) -> Iterator[str]:
    store = store_of(environment)
    if store is None:
        return
    yield _WEIGHTS.format(
        region=environment.aws.region,
        name=environment.name,
        loader=LOADER,
        model=environment.serving.model,
        revision=store.revision,
        store=store_url(environment, store),
        token=f" --token-secret {store.token_secret}" if store.token_secret else "",
        bucket=bucket_name(environment, store),
        key=", and use its key" if store.bucket is None or store.kms_key_arn else "",
    )
    found = brought_vocabulary(environment)
    if found is not None:
        yield _VOCABULARY.format(
            url=found.url,
            sha256=found.sha256,
            name=found.name,
            place=vocabulary_url(environment),
        )


@dataclass(frozen=True, slots=True)
class _Reached:
    what: str
    how: str


def _reach(environment: Environment) -> Iterator[str]:
    """Yield what else must be inside the VPC, or reached from it by a way of its own."""
    git = environment.delivery.git if environment.delivery else None
    rows = [
        _Reached(
            "people and pipelines that call the Kubernetes API or the router",
            "a VPN or peering whose range is in `cluster.client_cidrs`",
        )
    ]
    if git is not None:
        rows.append(
            _Reached(
                f"`{git.repo_url}`, which Argo CD reads",
                "a Git server in the VPC or a peered one, or Argo CD of AWS, which runs outside",
            )
        )
    yield "\n## What else must be in reach\n\n| what | how |\n|---|---|\n"
    yield "".join(f"| {one.what} | {one.how} |\n" for one in rows)
