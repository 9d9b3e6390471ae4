"""The fnr.toml that `fnr init` writes: works as it is, and every line says what it is for."""

from __future__ import annotations

TEMPLATE = """\
# fnr.toml: what can be run on this host, and with how much patience.
#
# fnr config check     finds mistakes, each with its line      fnr daemon reload   makes it count
# fnr config show      what is in force, defaults included     fnr help filters    and other topics
#
# Durations and sizes have units: "500ms", "10m", "1h30m"; "64KiB", "2GiB".

version = 1

# A command: a list of arguments, never a shell. {name} is replaced by that value of the input.
#   fnr submit greet name=World --wait
[functions.greet]
command = ["echo", "Hello, {name}"]
input = { name = "str" }        # int, float, str, bool, list, object, any; "?" behind: optional
result = "stdout"               # "stdout", "json" (stdout is JSON) or "file:{output}"
timeout = "1m"                  # of one attempt; after it the whole process group is stopped

# A Python function: imported once, then kept loaded between tasks.
#   fnr submit count path=/etc/hosts --wait
[functions.count]
python = "fnr_examples:count_lines"   # package.module:callable
cwd = "."                             # relative to this file; the module is looked for there first
workers = { min = 1, max = 2 }        # processes; one more when tasks wait, one less when idle
timeout = "10m"
# progress_timeout = "2m"             # longest time without a progress report
# max_tasks_per_worker = 1000         # then a fresh process, for functions that leak
# limits = { memory = "2GiB", cpu_time = "1h", files = 1024, file_size = "1GiB" }
# gpus = 1
# env_file = ".env"
# user = "nobody"                     # needs a daemon that runs as root
# nice = 10
# on_daemon_exit = "keep"             # "keep": running work outlives the daemon; "kill"

# A ComfyUI workflow, saved with "Export (API)", on a ComfyUI that runs already.
#   fnr submit portrait prompt='a cat' --wait
# [functions.portrait]
# comfyui = "comfyui"                   # the service; its breaker guards it
# url = "http://127.0.0.1:8188"
# workflow = "portrait.json"            # relative to this file
# nodes = { "6.text" = "prompt", "3.seed" = "seed" }   # NODE.INPUT = what of the task's input
# input = { prompt = "str", seed = "int?" }
# timeout = "20m"
# save_to = "renders"                   # its files are brought there, a folder for each task

# [alerts.ops]                  # whom to tell of dead letters, open breakers, a full disk
# command = ["notify-send", "{title}", "{text}"]     # or webhook = "https://…", or mail = "…"
# severity = "alert"            # the least: notice, warning, alert, critical

# What to do when an attempt fails; these are the defaults.
# [functions.count.retry]
# max = 3                       # retries of transient failures (timeouts, refused connections, …)
# unknown_max = 1               # retries of failures that nothing explains
# waits_max = 5                 # waits for a used-up resource (memory, disk), of `wait` each
# deaths_max = 3                # a task that took so many workers down is set aside
# delay = "1s"                  # before the first retry, then times `factor`, up to delay_max
# delay_max = "60s"
# factor = 2.0
# jitter = 0.1
# wait = "5m"

[daemon]
# drain_timeout = "60s"         # how long `fnr daemon stop --drain` waits for running attempts
# queue_max = 10000000          # tasks that may wait; more are refused
# disk_free_min = "64MiB"       # below it new tasks are refused
# kernel_log = "/dev/kmsg"      # where the kernel tells of OOM kills and GPU errors

[store]
# keep_done = "7d"              # dead letters are never forgotten by age
# keep_cancelled = "7d"
# keep_incidents = "90d"        # resolved ones
# incidents_quiet = "24h"       # resolved when its tasks recovered and nothing came for so long

[log]
# level = "info"                # debug, info, warning, error
# format = "text"               # or "json"
# file_size = "10MiB"           # then the next file, `files` of them
# files = 5
# worker_file_size = "10MiB"    # output kept of each worker

[rules]
# Your own rules stand in rules.d/*.toml: fnr rules add, fnr rules edit, fnr rules check.
# text_model = true             # false: an error that no rule names stays unknown

[chaos]
# enabled = true                # let faults be injected: fnr chaos faults, fnr chaos inject
# protect = ["billing-*"]       # functions that no fault may hit

[redact]
# Known tokens, private keys, passwords in URLs are hidden anyway; RE2 expressions of your own:
# patterns = ["LIC-[0-9]{8}", "customer-[0-9]+"]
# env_keys = ["*TOKEN*", "*SECRET*", "*PASSWORD*"]
"""

EXAMPLES = '''\
"""Functions to begin with; fnr.toml names them."""

from pathlib import Path


def count_lines(path: str) -> dict[str, object]:
    """Count the lines of a text file."""
    text = Path(path).read_text()
    return {"path": path, "lines": text.count("\\n")}
'''
