"""Codes of problems in the form of a file, with what `disagg explain` says about each."""

FORM_CODES: dict[str, tuple[str, str]] = {
    "DISAGG-FILE-001": (
        "No such file.",
        "The path given does not exist. `disagg init NAME` writes a commented one.",
    ),
    "DISAGG-FILE-002": (
        "A directory was given.",
        "Every verb takes one environment file, not a folder of them.",
    ),
    "DISAGG-FILE-003": (
        "The file cannot be read.",
        "The operating system refused: look at owner and permissions.",
    ),
    "DISAGG-FILE-004": (
        "The file is too large.",
        "An environment file is a few kilobytes; over 1 MiB is a mistake.",
    ),
    "DISAGG-FILE-005": (
        "The file is not UTF-8.",
        "YAML is read as UTF-8. The line named holds the first bad byte.",
    ),
    "DISAGG-FILE-006": ("The file exists.", "`disagg init` never overwrites an environment."),
    "DISAGG-FILE-007": (
        "A file or directory cannot be used.",
        "The operating system said why: permissions, a file where a directory is needed, no space.",
    ),
    "DISAGG-YAML-001": (
        "The YAML does not parse.",
        "YAML 1.2 rules. Tabs cannot indent; quotes and brackets must close.",
    ),
    "DISAGG-YAML-002": (
        "More than one document.",
        "`---` starts a second document. One file describes one environment.",
    ),
    "DISAGG-YAML-003": (
        "The file is empty.",
        "`disagg init NAME` writes a commented environment to start from.",
    ),
    "DISAGG-YAML-004": (
        "Something YAML allows and an environment does not.",
        (
            "Tags, numbers that are not finite, keys that are not text, very deep nesting, and"
            " aliases that expand to more than 20,000 values are refused. Plain anchors and `<<`"
            " are allowed."
        ),
    ),
    "DISAGG-YAML-005": (
        "Duplicate key.",
        "YAML parsers disagree on which of two equal keys wins, so neither does.",
    ),
    "DISAGG-KEY-001": (
        "Unknown key.",
        "A key that nothing reads is a setting silently lost, so it is an error.",
    ),
    "DISAGG-KEY-002": ("Missing key.", "The key has no default: only you can know its value."),
    "DISAGG-TYPE-001": (
        "Wrong value.",
        (
            "The value has the wrong type, or is outside what the key allows. Types are strict:"
            ' `"2"` is text, `2` is a number, and `yes` is text in YAML 1.2 (write `true`).'
        ),
    ),
}
