from collections import Counter

from disagg.checks.codes import EXPLAINED, RULES


def test_no_code_has_two_meanings() -> None:
    counted = Counter(code for code, _ in EXPLAINED)
    assert {code for code, count in counted.items() if count > 1} == set()


def test_every_rule_says_in_one_line_what_must_be_true_and_why_below() -> None:
    assert len(RULES) > 100
    for one in RULES:
        assert one.title.endswith("."), one.code
        assert len(one.title) <= 100, one.code
