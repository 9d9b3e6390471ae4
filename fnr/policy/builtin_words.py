"""The built-in rules on words: what people and programs write when no code tells the cause.

One rule a cause, as the story's sixteen patterns were meant: "timed out" is a timeout, "no memory"
is out of memory. The earlier rule wins, so the order is part of the rules: what is used up, then
telling phrases, then common ones. Patterns are alternatives of plain phrases with short bounded
gaps, so that no text makes them slow.
"""

from __future__ import annotations

from fnr.policy.rules import Category, Level, Rule

OUT_OF_MEMORY = (
    r"out of memory|outofmemory|oom.?kill|low on memory|low on resource: memory|memory exhausted"
    r"|cannot allocate memory|bad.?alloc|memory allocation .{0,30}failed|failed to alloc"
    r"|alloc_failed|(insufficient|not enough|no available|no) (\w{1,9} )?memory\b|memory limit"
    r"|memory size of \d{1,15} bytes exhausted|java heap space|heap out of memory"
    r"|gc overhead limit|failed to reserve .{0,20}memory|gpu memory"
    r"|memory .{0,60}(not free|less than desired)|no ?free ?blocks"
)

_USED_UP, _INPUT = Category.RESOURCE, Category.VALIDATION
_DEPLOYMENT, _PASSING = Category.PERMANENT, Category.TRANSIENT


def _words(name: str, category: Category, *phrases: str, hint: str = "") -> Rule:
    return Rule(name=name, category=category, level=Level.TEXT, text=phrases, hint=hint)


_USED_UP_WORDS = (
    _words(
        "out-of-memory",
        _USED_UP,
        OUT_OF_MEMORY,
        hint="Run fewer at a time, use smaller batches, or free the memory that others hold.",
    ),
    _words(
        "no-space",
        _USED_UP,
        r"no space left|nospc|disk (is )?full|disk quota",
        r"(system|table|disk|volume|domain).{0,40} is full",
        r"(insufficient|not enough) .{0,20}space|low on resource: ephemeral-storage",
        r"(failed to|could not) extend|failure writing output",
        hint="Free space on the disk that is full.",
    ),
    _words(
        "limit-reached",
        _USED_UP,
        r"too many (open )?(files|connections|clients|processes|channels|watches)",
        r"limit.{0,60}inotify|max(imum)? number of (clients|connections|channels)",
        r"connection slots|connections are not enough|(pool|queue) ?limit|pool (is )?exhausted",
        hint="A limit on files, connections or watches is reached.",
    ),
    _words(
        "port-in-use",
        _USED_UP,
        r"address (is )?already in use|port .{0,20}already (in use|allocated)|failed to bind",
        r"(no|cannot find) (free|empty|available) port",
        hint="Another process holds the port.",
    ),
    _words(
        "quota",
        _USED_UP,
        r"quota .{0,40}exceeded|exceeded .{0,40}quota|insufficient.quota|resource.?exhausted",
        r"(job|submit|usage|spending) ?limit|exceeds? \w{1,20}_limit|(device|gpu)s? .{0,30}busy",
        hint="An allowance is used up: wait for it, or have it raised.",
    ),
)

_TELLING_WORDS = (
    _words(
        "corrupt-input",
        _INPUT,
        r"invalid data found when processing|moov atom|cannot identify image|error opening input",
        r"image file is truncated|premature end of|incomplete input|bad magic number",
        r"not a (zip|gzip|valid image)|crc .{0,20}(mismatch|error|failed)",
        r"could not find a format to read",
        r"(corrupt|corrupted|truncated) (\w{1,12} ){0,2}(file|data|image|video|archive|stream)",
        hint="The file is damaged, or is not what its name says.",
    ),
    _words(
        "too-large",
        _INPUT,
        r"context length|too.many.{0,12}tokens|too (large|big|long)\b|(entity|payload) too large",
        r"larger than .{0,30}(max|limit)|cannot be longer than|exceeds (the )?(max|limit|size)",
        hint="The input is larger than what is accepted.",
    ),
    _words(
        "configuration-file",
        _DEPLOYMENT,
        r"config(uration)? file .{0,200}(not|invalid|error|failed|missing)",
        hint="A configuration file of the deployment is wrong.",
    ),
    _words(
        "missing-module",
        _DEPLOYMENT,
        r"no module named|cannot import name|module '[\w.]{1,80}' has no attribute|not registered",
        r"cannot (load such file|find module)|no such (extension|operator)|missing script",
        r"no op(erator)? (named|found)|undefined (function|symbol)",
        hint="The environment lacks a package, or has the wrong version of one.",
    ),
    _words(
        "missing-library",
        _DEPLOYMENT,
        r"cannot open shared object|loading shared libraries|library .{0,40}not found",
        r"\blib[\w.-]{1,60}\.so.{0,80}not found|glibc\w{0,3}_[\d.]{1,9}|wrong elf class",
        r"dll load failed",
        hint="A system library is missing or does not fit.",
    ),
    _words(
        "missing-program",
        _DEPLOYMENT,
        r"command not found|executable .{0,40}not found|not found in .?path|exec format error",
        r"not recognized as an internal",
        hint="A program that the function needs is not installed.",
    ),
    _words(
        "gpu-unusable",
        _DEPLOYMENT,
        r"fallen off the bus|\becc ?error|uncorrectable ecc|row remap|\bsxid\b|\bnvml\b|cuda_home",
        r"no cuda.{0,20}(gpu|device)|kernel image|invalid device (function|ordinal)|driver version",
        r"compute capability|accelerator is not available|infer device type|initialize cuda",
        hint="The GPU, its driver or the build for it does not work: see nvidia-smi and dmesg.",
    ),
    _words(
        "certificate",
        _DEPLOYMENT,
        r"certificate.?(verify|signed by|has expired|is not valid|required)",
        r"self.signed certificate|hostname .{0,60}doesn't match",
        hint="TLS trust is broken: check the certificate, its chain and the clock.",
    ),
    _words(
        "denied",
        _DEPLOYMENT,
        r"permission denied|access.{0,3}(is )?(denied|refused)|not (authorized|permitted|verified)",
        r"unauthorized|forbidden|authentication (failure|failed|fails|required|error)",
        r"(invalid|incorrect|bad|failed) (\w{1,9} )?(api.?key|credentials|password|auth)",
        r"login (failed|was refused)|credentials .{0,20}not found|must be superuser",
        r"insufficient.?(privilege|scope|permission)|does not have .{0,60}(access|permission)",
        r"(token|key|license) .{0,10}expired",
        hint="Check the credentials and rights of the account that ran it.",
    ),
    _words(
        "unknown-host",
        _DEPLOYMENT,
        r"no such host|name or service not known|nodename nor servname|could not resolve host",
        r"name does not resolve|enotfound|unknown host",
        hint="No such host name: check it.",
    ),
)

_PASSING_WORDS = (
    _words(
        "locked",
        _PASSING,
        r"deadlock|(database|table|file) is locked|lock (wait )?time|lock .{0,80}not be acquired",
        r"could not (obtain|acquire) .{0,20}lock|could not serialize|serialization failure",
        r"concurrent (update|modification)|version conflict|resource (is )?busy",
    ),
    _words(
        "rate-limited",
        _PASSING,
        r"rate.?limit|too many requests|throttl|slow ?down|qps exceeded|retry.after|retry later",
        r"(try|trying) again",
        hint="The other side asks for fewer requests.",
    ),
    _words(
        "timed-out",
        _PASSING,
        r"tim(ed|ing).?out|time-?out|deadline.?exceeded|time limit exceeded|no heartbeat",
        hint="If it always needs longer, raise the timeout.",
    ),
    _words(
        "connection",
        _PASSING,
        r"connection (\w{1,12} ){0,2}(reset|refused|aborted|closed|lost|terminated|dropped)",
        r"connection (failed|.{0,30}is closed)|reset by peer|broken pipe|forcibly closed",
        r"closed by (peer|remote|the remote)|(remote end|server|peer) (closed|disconnected)",
        r"(failed|unable|cannot|can't|could not|couldn't|error) (to )?connect|fetch failed",
        r"connect(ion)? (attempt |to ).{0,60}(failed|was refused)|failed to (respond|recv)",
        r"network (is )?(unreachable|error|down)|no route to host|host (is )?(down|unreachable)",
        r"socket hang up|unexpected eof|eof occurred in|transfer closed|payload is not completed",
        r"no close frame|remote process exited|failed to read .{0,40}(socket|stream)",
        hint="The other side was not reachable or went away.",
    ),
    _words(
        "unavailable",
        _PASSING,
        r"service (temporarily )?unavailable|temporar(y|ily) (unavailable|failure)|bad gateway",
        r"(server|system|service) is (busy|overloaded|unavailable|shutting down|starting up)",
        r"internal server error|in recovery mode|not ready",
        hint="The other side was not ready.",
    ),
    _words(
        "peer-died",
        _PASSING,
        r"(actor|worker|engine|process|node|browser|loop).{0,30}(died|is dead|was killed)",
        r"(context|browser|loop).{0,12}(is stopped|has been closed)|unhandled system error",
        r"engine.{0,20}encountered an issue",
        hint="A process it depends on went away; the cause is in that process's log.",
    ),
)

_INPUT_WORDS = (
    _words(
        "wrong-shape",
        _INPUT,
        r"shapes? .{0,60}(cannot be multiplied|is invalid|mismatch|must match|do not match)",
        r"must match the (size|existing)|(tensor|vector|matri)\w{0,4} .{0,60}(same|empty|mismatch)",
        r"expected sequence of length|same (device|dtype|size|shape)|incorrect size",
        r"index out of (range|bounds)|out of bounds|assertion failed|bad argument|do not match",
        r"unsupported (depth|number|type)|data type .{0,20}not supported",
    ),
    _words(
        "malformed",
        _INPUT,
        r"unexpected (token|character|end of)|expecting value|expected .{0,20}json|unpack failed",
        r"cannot (decode|parse|encode|deserialize|unmarshal)|pars(e|ing) error|not (a )?valid json",
        r"malformed|ill.formed|invalid (json|xml|syntax|utf|byte|document|input|repetition)",
    ),
    _words(
        "schema",
        _INPUT,
        r"schema (validation|error)|validation (error|failed)|failed validation|violates",
        r"constraint|is required\b|required (property|field|parameter|argument)|field required",
        r"must contain|missing (required|parameter)|duplicate (key|entry)|not.null",
        r"already (exists|registered)",
        r"not in the (range|list|set)|cannot be (null|empty|an empty)|not a valid\b|unknown field",
        r"invalid (value|choice|argument|parameter|option|field|type|account|partition|time)",
        r"must be (of|less|greater|at least|at most|between|one of|the same|positive|a )",
        r"invalid (generic|--)|should be",
    ),
    _words(
        "type-error",
        _INPUT,
        r"type error|unexpected keyword argument|(can not|cannot|can't) be converted|not a string",
        r"expected .{0,80}(got|but found|received|instead|not )|cast to .{0,40}failed",
    ),
)

_COMMON_WORDS = (
    _words(
        "not-supported",
        _DEPLOYMENT,
        r"not (implemented|compiled|built|supported)|requires compiling|unsupported|unimplemented",
        r"does not support|could not run .{0,80}with arguments|disabled for|rebuild the",
        r"out of date|is not available\b",
        hint="This build or version cannot do it; another may.",
    ),
    _words(
        "configuration",
        _DEPLOYMENT,
        r"invalid (configuration|config|usage)|improperly configured|misconfigur|not configured",
        r"no .{0,40}is configured|configuration .{0,80}(failed|error|missing)|no config|settings",
        r"(unrecognized|unknown) (configuration|directive|option|setting|command)",
        r"version mismatch|requires .{0,40}version|environment variable|must be divisible",
        r"number of devices",
        hint="A setting of the deployment is wrong.",
    ),
    _words(
        "object-missing",
        _DEPLOYMENT,
        r"does not exist|doesn't (exist|have a)|was removed|can't (load|read)|cannot find",
        r"could not (load|find)|unknown (database|table|column|model|architecture)",
        r"no (such )?(column|table|bucket|cluster|topic|runtime|application|model)\b",
        r"(model|file|object|resource|package|repository)s? .{0,60}not (found|available)",
        r"failed to (pull|load)|pull access denied",
        hint="Something it names is not there: a model, a table, a file of the deployment.",
    ),
    _words(
        "no-such-file",
        _DEPLOYMENT,
        r"no such file or directory|file not found|unable to (open|load)|read-?only",
        r"failed to (open|initialize)|cannot (open|find) the file|not a (database|directory)",
        r"deserializ",
        hint="If the path came with the task, the task is wrong; otherwise the deployment is.",
    ),
)

WORD_RULES = (
    *_USED_UP_WORDS,
    *_TELLING_WORDS,
    *_PASSING_WORDS,
    *_INPUT_WORDS,
    *_COMMON_WORDS,
)
