"""Every code a problem can carry, with its explanation."""

from difflib import get_close_matches

from disagg.checks import engines, rehearsal
from disagg.checks.add_ons import ADD_ON_RULES
from disagg.checks.environment import CLOCK_RULES, ENVIRONMENT_RULES
from disagg.checks.fleet import FLEET_CODES, FLEET_RULES
from disagg.checks.manifests import MANIFEST_RULES
from disagg.checks.question import QUESTION_RULES
from disagg.checks.templates import TEMPLATE_RULES
from disagg.config.codes import FORM_CODES, PLANNER_CODES
from disagg.config.inherit import INHERITANCE_CODES
from disagg.config.model_config import MODEL_CONFIG_CODES
from disagg.config.overrides import OVERRIDE_CODES
from disagg.config.prices import PRICE_CODES
from disagg.errors import refusal

MISMATCH = "DISAGG-DEMO-001"

_OWN = {
    MISMATCH: (
        "What was created differs from the plan.",
        (
            "The rehearsal deployed the stacks to an AWS endpoint on this machine and read back"
            " something else than the environment plans: a stack is wrong, or the endpoint is."
        ),
    ),
    "DISAGG-OPS-001": (
        "Nobody can be asked.",
        "A verb that changes an account asks before it does; `--yes` answers where no terminal is.",
    ),
    "DISAGG-CODE-001": ("Unknown code.", "`disagg explain` without a code lists them all."),
}
RULES = (
    *ENVIRONMENT_RULES,
    *CLOCK_RULES,
    *ADD_ON_RULES,
    *FLEET_RULES,
    *QUESTION_RULES,
    *MANIFEST_RULES,
    *TEMPLATE_RULES,
)
EXPLAINED: list[tuple[str, tuple[str, str]]] = [
    *FORM_CODES.items(),
    *INHERITANCE_CODES.items(),
    *FLEET_CODES.items(),
    *PRICE_CODES.items(),
    *MODEL_CONFIG_CODES.items(),
    *PLANNER_CODES.items(),
    *OVERRIDE_CODES.items(),
    *engines.CODES.items(),
    *rehearsal.CODES.items(),
    *_OWN.items(),
    *((one.code, (one.title, one.explanation)) for one in RULES),
]
"""Code, title and text of all of them; a test holds every code to one meaning."""
_BY_CODE = dict(EXPLAINED)


def known_codes() -> list[str]:
    """Return every code, sorted."""
    return sorted(_BY_CODE)


def explain(code: str) -> tuple[str, str, str]:
    """Return code, title and text; `cap-3` finds `DISAGG-CAP-003`.

    Raises:
        InvalidInputError: DISAGG-CODE-001, no such code.
    """
    parts = code.strip().strip("[]").upper().removeprefix("DISAGG-").split("-")
    wanted = "-".join(("DISAGG", *parts[:-1], parts[-1].zfill(3)))
    if wanted not in _BY_CODE:
        families = {known.split("-")[1] for known in _BY_CODE}
        meant = get_close_matches(parts[0], families, n=1)
        near = [known for known in known_codes() if known.split("-")[1] in meant]
        fix = f"one of {', '.join(near)}" if near else "list them all: disagg explain"
        raise refusal(
            "DISAGG-CODE-001",
            file="disagg explain",
            got=f"unknown code {code!r}",
            need="a code such as DISAGG-CAP-003, in brackets at a problem's end",
            fix=fix,
        )
    return wanted, *_BY_CODE[wanted]
