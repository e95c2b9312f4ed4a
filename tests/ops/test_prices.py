"""Prices from AWS: answers of the form its documentation gives, put in by botocore's Stubber."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from disagg.catalog.prices import Offer
from disagg.cli import main
from disagg.config.prices import bundled_prices, load_prices
from disagg.ops.prices import PriceListError, block_offers, priced_types, refreshed

B200 = "p6-b200.48xlarge"
TODAY = date(2026, 11, 23)


def product(usd: str, *, usage: str = "BoxUsage", currency: str = "USD") -> str:
    return json.dumps(
        {
            "product": {"attributes": {"usagetype": f"USW2-{usage}:{B200}"}},
            "terms": {
                "OnDemand": {
                    "A.B": {
                        "priceDimensions": {
                            "A.B.C": {"unit": "Hrs", "pricePerUnit": {currency: usd}}
                        }
                    }
                },
                "Reserved": {"R": {"priceDimensions": {"X": {"unit": "Hrs"}}}},
            },
        }
    )


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")


@pytest.fixture
def pricing(credentials: None) -> Any:
    del credentials
    return boto3.client("pricing", region_name="us-east-1")


@pytest.fixture
def ec2(credentials: None) -> Any:
    del credentials
    return boto3.client("ec2", region_name="us-west-2")


def answers(stub: Stubber, page: list[str]) -> None:
    stub.add_response("get_products", {"PriceList": page}, {"ServiceCode": ANY, "Filters": ANY})


def test_a_price_of_today_takes_the_place_of_the_old_one_and_the_rest_stays(pricing: Any) -> None:
    with Stubber(pricing) as stub:
        answers(stub, [product("0.0000000000"), product("120.5000000000")])
        answers(stub, [product("144.6", usage="Cluster"), product("999", usage="Train")])
        new = refreshed(pricing, "us-west-2", [B200], TODAY, bundled_prices())
        stub.assert_no_pending_responses()
    on_demand = new.find(B200, Offer.ON_DEMAND, "us-west-2")
    assert on_demand is not None
    assert (on_demand.usd_per_hour, on_demand.source.date) == (120.5, "2026-11-23")
    assert on_demand.source.kind == "published"
    hyperpod = new.find(B200, Offer.HYPERPOD, "us-west-2")
    assert hyperpod is not None
    assert hyperpod.usd_per_hour == 144.6
    assert new.on_demand(B200, "us-east-1") == 113.9328
    assert len(new.rows) == len(bundled_prices().rows) + 2


def test_every_page_is_read_and_the_request_names_linux_of_the_region(pricing: Any) -> None:
    asked = {
        "ServiceCode": "AmazonEC2",
        "Filters": [
            {"Type": "TERM_MATCH", "Field": field, "Value": value}
            for field, value in (
                ("regionCode", "us-west-2"),
                ("instanceType", B200),
                ("operatingSystem", "Linux"),
                ("preInstalledSw", "NA"),
                ("tenancy", "Shared"),
                ("capacitystatus", "Used"),
            )
        ],
    }
    with Stubber(pricing) as stub:
        stub.add_response("get_products", {"PriceList": [], "NextToken": "more"}, asked)
        stub.add_response(
            "get_products", {"PriceList": [product("120.5")]}, {**asked, "NextToken": "more"}
        )
        answers(stub, [])
        new = refreshed(pricing, "us-west-2", [B200], TODAY, bundled_prices())
    assert new.on_demand(B200, "us-west-2") == 120.5


def test_what_aws_has_no_price_for_keeps_its_old_one_and_its_old_date(pricing: Any) -> None:
    with Stubber(pricing) as stub:
        answers(stub, [])
        answers(stub, [])
        new = refreshed(pricing, "us-east-1", [B200], TODAY, bundled_prices())
    assert new.rows == bundled_prices().rows


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ([product("120.5"), product("121.5")], "several prices"),
        ([product("900", currency="CNY")], "not in US dollars"),
    ],
)
def test_an_answer_that_is_not_one_dollar_price_is_refused(
    page: list[str], said: str, pricing: Any
) -> None:
    with Stubber(pricing) as stub:
        answers(stub, page)
        with pytest.raises(PriceListError, match=said):
            refreshed(pricing, "us-west-2", [B200], TODAY, bundled_prices())


def offer(fee: str, nodes: int = 2, currency: str = "USD") -> dict[str, Any]:
    return {
        "CapacityBlockOfferingId": f"cb-{fee}",
        "InstanceType": B200,
        "AvailabilityZone": "us-west-2b",
        "InstanceCount": nodes,
        "StartDate": datetime(2026, 12, 1, 11, 30, tzinfo=UTC),
        "CapacityBlockDurationHours": 24,
        "UpfrontFee": fee,
        "CurrencyCode": currency,
    }


def test_offers_come_cheapest_first_with_their_price_of_a_node_hour(ec2: Any) -> None:
    with Stubber(ec2) as stub:
        stub.add_response(
            "describe_capacity_block_offerings",
            {"CapacityBlockOfferings": [offer("4800.00"), offer("3840.00")]},
            {"InstanceType": B200, "InstanceCount": 2, "CapacityDurationHours": 24},
        )
        first, second = block_offers(ec2, B200, 2, 24)
    assert (first.offering_id, first.usd_per_node_hour) == ("cb-3840.00", 80.0)
    assert second.usd_per_node_hour == 100.0
    assert first.as_pricing() == {"upfront_usd": 3840.0, "nodes": 2, "hours": 24}


def test_an_offer_in_another_currency_is_refused(ec2: Any) -> None:
    with Stubber(ec2) as stub:
        stub.add_response(
            "describe_capacity_block_offerings",
            {"CapacityBlockOfferings": [offer("4800.00", currency="EUR")]},
        )
        with pytest.raises(PriceListError, match="EUR"):
            block_offers(ec2, B200, 2, 24)


@pytest.fixture
def stubbed(pricing: Any, ec2: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the verb meet an AWS whose every price is 120.5."""
    clients = {"pricing": pricing, "ec2": ec2}
    monkeypatch.setattr("boto3.client", lambda name, region_name: clients[name])  # noqa: ARG005
    with Stubber(pricing) as prices, Stubber(ec2) as blocks:
        for _ in priced_types("us-west-2"):
            answers(prices, [product("120.5")])
            answers(prices, [])
        blocks.add_response(
            "describe_capacity_block_offerings",
            {"CapacityBlockOfferings": [offer("4800.00", nodes=1)]},
        )
        yield


@pytest.mark.usefixtures("stubbed")
def test_refresh_tells_what_changed_and_writes_a_file_other_verbs_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "prices.yaml"
    assert main(["cost", "refresh", "--region", "us-west-2", "--write", str(target)]) == 0
    shown = capsys.readouterr()
    assert f"{B200} on_demand us-west-2: $120.5000/h (new)" in shown.out
    assert "$200.00 a node hour" in shown.out
    new = load_prices(target)
    assert new.on_demand(B200, "us-west-2") == 120.5
    assert new.on_demand(B200, "us-east-1") == 113.9328
    assert [file.name for file in tmp_path.iterdir()] == ["prices.yaml"]


@pytest.mark.usefixtures("stubbed")
def test_refresh_as_json_gives_offers_as_what_goes_into_a_file(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["cost", "refresh", "--region", "us-west-2", "-o", "json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["schema_version"] == 1
    (block,) = data["capacity_blocks"]
    assert block["pricing"] == {"capacity_block": {"upfront_usd": 4800.0, "nodes": 1, "hours": 24}}


def test_refresh_without_credentials_says_so_in_one_line_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)  # it keeps credentials it has found
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    target = tmp_path / "prices.yaml"
    assert main(["cost", "refresh", "--region", "us-west-2", "--write", str(target)]) == 1
    said = capsys.readouterr().err
    assert "credentials" in said
    assert "pricing:GetProducts" in said
    assert "Traceback" not in said
    assert not target.exists()


def test_refresh_of_an_unknown_region_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cost", "refresh", "--region", "us-west-9"]) == 64
    assert "DISAGG-AWS-001" in capsys.readouterr().err
