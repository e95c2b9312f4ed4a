"""Flags against upstream's own manifests, and against the real parser where vLLM is installed."""

import pytest

from disagg.catalog.flags import FLAG_TABLES, FlagTable, flag_table
from disagg.catalog.kv_transfer import (
    KV_CONNECTORS,
    KV_ROLES,
    KV_ROLES_DEPRECATED,
    KV_TRANSFER_KEYS,
    KV_TRANSFER_KEYS_REMOVED,
    OTHER_KV_CONNECTORS,
)
from disagg.catalog.models import MODELS

TABLES = pytest.mark.parametrize("table", FLAG_TABLES.values(), ids=lambda table: table.program)

UPSTREAM_ARGUMENTS = {
    ("vllm", "0.26.0"): """--disable-access-log-for-endpoints --block-size --kv-transfer-config
        --no-disable-hybrid-kv-cache-manager --enable-auto-tool-choice --tool-call-parser
        --reasoning-parser --tensor-parallel-size --port --max-model-len --kv-events-config
        --gpu-memory-utilization --served-model-name --enable-expert-parallel""",
    ("epp", "0.10.0"): """--pool-name --pool-namespace --pool-group --zap-encoder --config-file
        --grpc-health-port --tracing --metrics-endpoint-auth --ha-enable-leader-election --v
        --endpoint-selector --endpoint-target-ports""",
    ("pd-sidecar", "0.10.0"): """--port --model-server-port --kv-connector --zap-log-level
        --secure-proxy --enable-ssrf-protection --inference-pool --data-parallel-size""",
}
GONE = {
    (
        "vllm",
        "0.26.0",
    ): "--disable-log-requests --disable-uvicorn-access-log-for --tensor-paralel-size",
    ("epp", "0.10.0"): "--grpc-enable-compression --refresh-prometheus-interval",
    ("pd-sidecar", "0.10.0"): """--connector --prefiller-use-tls --decoder-use-tls
        --prefiller-tls-insecure-skip-verify --secure-serving""",
}


@TABLES
def test_every_flag_upstream_manifests_use_is_known(table: FlagTable) -> None:
    assert set(UPSTREAM_ARGUMENTS[table.program, table.version].split()) <= table.flags


@TABLES
def test_flags_that_were_removed_or_never_were_are_unknown(table: FlagTable) -> None:
    assert not set(GONE[table.program, table.version].split()) & table.flags


@TABLES
def test_the_table_is_consistent_in_itself(table: FlagTable) -> None:
    assert all(flag.startswith("--") and flag == flag.lower() for flag in table.flags)
    assert table.takes_value < table.flags
    assert table.deprecated <= table.flags
    assert table.refused <= table.flags
    assert not any(flag.startswith("--no-") for flag in table.takes_value)


def test_an_unknown_program_or_version_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        flag_table("vllm", "0.1.0")


def test_the_real_parser_agrees_where_vllm_is_installed() -> None:
    vllm = pytest.importorskip("vllm", reason="vLLM is not installed: its parser was not asked")
    cli_args = pytest.importorskip("vllm.entrypoints.openai.cli_args")
    argparse_utils = pytest.importorskip("vllm.utils.argparse_utils")
    if (vllm.__version__.partition("+")[0]) != "0.26.0":
        pytest.skip(f"vLLM {vllm.__version__} is installed, the table is of 0.26.0")
    parser = cli_args.make_arg_parser(argparse_utils.FlexibleArgumentParser())
    names = {name for action in vars(parser)["_actions"] for name in action.option_strings}
    table = flag_table("vllm", "0.26.0")
    assert names == table.flags | table.short_flags


def test_arguments_models_bring_are_flags_the_server_knows() -> None:
    table = flag_table("vllm", "0.26.0")
    arguments = [argument for model in MODELS.values() for argument in model.server_arguments]
    assert arguments
    assert {argument.partition("=")[0] for argument in arguments} <= table.flags


def test_the_load_failure_policy_is_a_top_level_key_only() -> None:
    assert "kv_load_failure_policy" in KV_TRANSFER_KEYS
    for connector in KV_CONNECTORS.values():
        assert "kv_load_failure_policy" not in connector.extra_config_keys


def test_backends_belong_to_the_extra_configuration_only() -> None:
    assert "backends" not in KV_TRANSFER_KEYS
    assert "backends" in KV_CONNECTORS["NixlConnector"].extra_config_keys


def test_pushing_over_efa_is_refused_and_pulling_is_not() -> None:
    assert KV_CONNECTORS["NixlPushConnector"].refused_on_efa
    assert KV_CONNECTORS["NixlConnector"].refused_on_efa is None
    assert KV_CONNECTORS["NixlPullConnector"].refused_on_efa is None


def test_connectors_and_keys_do_not_overlap_with_what_is_left_out() -> None:
    assert not KV_CONNECTORS.keys() & OTHER_KV_CONNECTORS
    assert KV_TRANSFER_KEYS_REMOVED < KV_TRANSFER_KEYS
    assert KV_ROLES_DEPRECATED < KV_ROLES
