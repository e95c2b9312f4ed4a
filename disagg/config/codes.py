"""Codes of problems in the form of a file, with what `disagg explain` says about each."""

FORM_CODES: dict[str, tuple[str, str]] = {
    "DISAGG-FILE-001": (
        "No such file.",
        "The path given does not exist. `disagg init NAME` writes a commented one.",
    ),
    "DISAGG-FILE-002": (
        "A directory was given.",
        "A verb reads one file, not a folder of them, and writes a page or plot to a file.",
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
    "DISAGG-FILE-008": (
        "A workload or fleet file where an environment is needed.",
        (
            "`kind: Workload` marks a question about capacity and money, which `size`, `decide`,"
            " `cost` and `validate` take, and `compare` with -w. `kind: Fleet` marks a list of"
            " environments, which `fleet`, `validate` and `synth --fleet` take. An environment has"
            " no `kind:`."
        ),
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

PLANNER_CODES: dict[str, tuple[str, str]] = {
    "DISAGG-RES-001": (
        "A result file cannot be read.",
        "`results` names JSON files beside the workload file.",
    ),
    "DISAGG-RES-002": (
        "A result file of an unknown tool.",
        (
            "Understood are the JSON of `vllm bench serve --save-result`, aiperf's"
            " profile_export_aiperf.json and guidellm's benchmarks.json. Anything else can be"
            " written by hand under `measurements`."
        ),
    ),
    "DISAGG-RES-003": (
        "A result file lacks a figure.",
        (
            "A point needs mean prompt and answer length, requests in flight and the mean time per"
            " output token; runs in which every request failed have none of them."
        ),
    ),
    "DISAGG-ASK-008": (
        "An environment with two instance types asks a question.",
        (
            "Speed, search and cost of a token are worked out for pools on nodes of one type. An"
            " environment may use two; `disagg plan` then shows everything but the speed to expect."
        ),
    ),
    "DISAGG-LAY-001": (
        "A layout that cannot be read.",
        (
            "`2xtp4` is two engines of four GPUs; `4xtp1+1xtp4` is four prefill engines and one"
            " decode engine. Add `@separate` for pools on nodes of their own."
        ),
    ),
    "DISAGG-LAY-002": (
        "A layout that cannot run.",
        "An engine must fit a node, hold the weights, and divide the attention heads.",
    ),
    "DISAGG-LAY-003": (
        "The patch cannot be written.",
        (
            "An environment says tensor parallelism and replicas of two pools. Layouts with data or"
            " expert parallelism cannot be said in it yet, and one that breaks a promise is not"
            " written."
        ),
    ),
    "DISAGG-SLO-003": (
        "A layout keeps the promises at no load.",
        (
            "With the errors of the predictor on measured rows, even a single request is not served"
            " within the promises with the confidence asked for. A measured baseline narrows the"
            " band."
        ),
    ),
    "DISAGG-PRC-006": (
        "Prices are too old.",
        (
            "Prices older than 365 days are not used for money unless `--accept-stale` says so;"
            " `disagg cost refresh` asks AWS for today's."
        ),
    ),
    "DISAGG-PRC-007": (
        "Prices are old.",
        "Prices older than 90 days are used with this warning; `disagg cost refresh` renews them.",
    ),
}
