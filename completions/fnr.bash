# Made by tools/make_docs.py from the command line itself; do not edit.
_fnr_below() {
  found=()
  case $1 in
    '') found=(status submit run task logs dlq replay errors rules breaker alert undo function gpu allocation worker tui daemon db config chaos init completion demo help) ;;
    'task') found=(list show history wait cancel logs) ;;
    'dlq') found=(list show stats resolve purge replay edit export import) ;;
    'replay') found=(list show pause resume cancel) ;;
    'errors') found=(list show explain groups similar tail ack snooze resolve reclassify) ;;
    'rules') found=(list show check test eval reload suggest add edit enable disable stats learn) ;;
    'breaker') found=(list show why open close disable reset probe history) ;;
    'alert') found=(list test) ;;
    'undo') found=(list show retry skip) ;;
    'function') found=(list show pause resume) ;;
    'gpu') found=(list trust) ;;
    'allocation') found=(list) ;;
    'worker') found=(list show restart stop) ;;
    'daemon') found=(start stop restart reload status) ;;
    'db') found=(check stats backup restore vacuum) ;;
    'config') found=(show check path) ;;
    'chaos') found=(faults inject list abort drill score scenarios proxy) ;;
    'completion') found=(show install) ;;
  esac
}

_fnr_flags() {
  found=()
  case $1 in
    '') found=(--version --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'status') found=(--watch --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'submit') found=(-i --input --jsonl --atomic -p --priority --delay --at --timeout --expires --unique --key --tag --retries -w --wait --home --config -o --output -q --quiet --no-color -h --help) ;;
    'run') found=(-d --detach --name --retries --timeout --memory --cwd --env --nice --tag -p --priority --home --config -o --output -q --quiet --no-color -h --help) ;;
    'task') found=(--home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'task/list') found=(--where -n --limit --after --watch --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'task/show') found=(--watch --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'task/history') found=(--home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'task/wait') found=(--for --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'task/cancel') found=(--where --reason -n --dry-run -y --yes --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'task/logs') found=(-f --follow -n --lines --since -t --timestamps --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'logs') found=(-f --follow -n --lines --since -t --timestamps --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'dlq') found=(--home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'dlq/list') found=(--where -n --limit --after --watch --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'dlq/show') found=(--home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'dlq/stats') found=(--where --watch --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'dlq/resolve') found=(--where --reason -n --dry-run -y --yes --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'dlq/purge') found=(--where --open -n --dry-run -y --yes --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'dlq/replay') found=(--where --all -n --dry-run -y --yes --canary --rate --ramp --concurrency --stop-on-failures --order --keep-order-by -w --wait -d --detach --reason --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'dlq/edit') found=(--set -i --input --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'dlq/export') found=(--where --to --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'dlq/import') found=(--home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'replay') found=(--home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'replay/list') found=(--active -n --limit --after --watch --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'replay/show') found=(--letters -w --wait -n --limit --after --watch --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'replay/pause') found=(--reason --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'replay/resume') found=(--rate --concurrency --reason --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'replay/cancel') found=(--reason --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'errors') found=(--home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'errors/list') found=(--where --since -n --limit --after --watch --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'errors/show') found=(--home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'errors/explain') found=(--home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'errors/groups') found=(--where --since --all -n --limit --after --watch --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'errors/similar') found=(-n --limit --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'errors/tail') found=(--where -n --lines --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'errors/ack') found=(--reason --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'errors/snooze') found=(--for --reason --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'errors/resolve') found=(--reason --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'errors/reclassify') found=(--category --why --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'rules') found=(--home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'rules/list') found=(-c --category --own --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'rules/show') found=(--shipped --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'rules/check') found=(--home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'rules/test') found=(--exception --exit --signal --http --code --stderr --traceback --killed-by --phase --function --input --rules --no-model --against-history --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'rules/eval') found=(-n --limit --no-model --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'rules/reload') found=(--home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'rules/suggest') found=(--since --min-hits --apply -n --dry-run --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'rules/add') found=(--category --text --exception --code --exit --signal --hint --max-retries --test -n --dry-run --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'rules/edit') found=(--home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'rules/enable') found=(-n --dry-run --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'rules/disable') found=(-n --dry-run --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'rules/stats') found=(--never --own -n --limit --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'rules/learn') found=(--reset -n --dry-run --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'breaker') found=(--home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'breaker/list') found=(--watch --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'breaker/show') found=(--watch --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'breaker/why') found=(--home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'breaker/open') found=(--for --reason --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'breaker/close') found=(--for --reason --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'breaker/disable') found=(--for --reason --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'breaker/reset') found=(--reason --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'breaker/probe') found=(--home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'breaker/history') found=(-n --limit --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'alert') found=(--home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'alert/list') found=(--channel --limit --watch --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'alert/test') found=(--home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'undo') found=(--home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'undo/list') found=(--where --since -n --limit --after --watch --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'undo/show') found=(--home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'undo/retry') found=(--home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'undo/skip') found=(--reason -y --yes --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'function') found=(--home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'function/list') found=(--watch --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'function/show') found=(--home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'function/pause') found=(--reason --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'function/resume') found=(--home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'gpu') found=(--home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'gpu/list') found=(--watch --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'gpu/trust') found=(--reason --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'allocation') found=(--home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'allocation/list') found=(--watch --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'worker') found=(--home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'worker/list') found=(-f --function --gone --watch --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'worker/show') found=(--home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'worker/restart') found=(--now --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'worker/stop') found=(--now --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'tui') found=(--read-only --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'daemon') found=(--log-level --log-format --log-file --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'daemon/start') found=(--within --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'daemon/stop') found=(--drain --now --within --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'daemon/restart') found=(--drain --now --within --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'daemon/reload') found=(--home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'daemon/status') found=(--watch --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'db') found=(--home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'db/check') found=(--home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'db/stats') found=(--home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'db/backup') found=(--damaged --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'db/restore') found=(-y --yes --damaged --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'db/vacuum') found=(--home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'config') found=(--home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'config/show') found=(--origin --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'config/check') found=(--home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'config/path') found=(--home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'chaos') found=(--home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'chaos/faults') found=(--home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'chaos/inject') found=(--duration --reason --where --set --times --workers -n --dry-run -y --yes --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'chaos/list') found=(--past --watch --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'chaos/abort') found=(--all --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'chaos/drill') found=(--scenario --seed --concurrent --live --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'chaos/score') found=(--against --all --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'chaos/scenarios') found=(--home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'chaos/proxy') found=(--listen --upstream --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'init') found=(--home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'completion') found=(--home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'completion/show') found=(--home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'completion/install') found=(--shell -n --dry-run -y --yes --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'demo') found=(--input --keep --seed --tasks-max --home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
    'help') found=(--home --config -o --output -q --quiet --no-color --timeout -h --help) ;;
  esac
}

_fnr_arguments() {
  found=()
  case $1 in
    'submit') found=('@functions' '' '*') ;;
    'run') found=('@commands @files' '*') ;;
    'task/show') found=('@tasks') ;;
    'task/history') found=('@tasks') ;;
    'task/wait') found=('@tasks' '*') ;;
    'task/cancel') found=('@tasks' '*') ;;
    'task/logs') found=('@tasks') ;;
    'logs') found=('@functions @tasks') ;;
    'dlq/show') found=('@letters') ;;
    'dlq/resolve') found=('@letters' '*') ;;
    'dlq/purge') found=('@letters' '*') ;;
    'dlq/replay') found=('@letters' '*') ;;
    'dlq/edit') found=('@letters') ;;
    'dlq/import') found=('@files') ;;
    'replay/show') found=('@replays') ;;
    'replay/pause') found=('@replays' '*') ;;
    'replay/resume') found=('@replays' '*') ;;
    'replay/cancel') found=('@replays' '*') ;;
    'errors/show') found=('@errors @incidents @tasks') ;;
    'errors/explain') found=('@errors @incidents @tasks') ;;
    'errors/similar') found=('@errors @incidents @tasks') ;;
    'errors/ack') found=('@incidents' '*') ;;
    'errors/snooze') found=('@incidents' '*') ;;
    'errors/resolve') found=('@incidents' '*') ;;
    'errors/reclassify') found=('@errors @incidents @tasks' '*') ;;
    'rules/list') found=('' '*') ;;
    'rules/show') found=('@rules') ;;
    'rules/check') found=('@files' '*') ;;
    'rules/test') found=('@files') ;;
    'rules/eval') found=('@files') ;;
    'rules/add') found=('') ;;
    'rules/edit') found=('@files') ;;
    'rules/enable') found=('@rules' '*') ;;
    'rules/disable') found=('@rules' '*') ;;
    'breaker/show') found=('@breakers') ;;
    'breaker/why') found=('@breakers') ;;
    'breaker/open') found=('@breakers' '*') ;;
    'breaker/close') found=('@breakers' '*') ;;
    'breaker/disable') found=('@breakers' '*') ;;
    'breaker/reset') found=('@breakers' '*') ;;
    'breaker/probe') found=('@breakers') ;;
    'breaker/history') found=('@breakers') ;;
    'alert/test') found=('' '*') ;;
    'undo/list') found=('@tasks') ;;
    'undo/show') found=('@undo') ;;
    'undo/retry') found=('@undo' '*') ;;
    'undo/skip') found=('@undo' '*') ;;
    'function/show') found=('@functions') ;;
    'function/pause') found=('@functions' '*') ;;
    'function/resume') found=('@functions' '*') ;;
    'gpu/trust') found=('') ;;
    'worker/show') found=('@workers @functions') ;;
    'worker/restart') found=('@workers @functions' '*') ;;
    'worker/stop') found=('@workers @functions' '*') ;;
    'tui') found=('dashboard tasks errors dlq rules breakers chaos logs') ;;
    'db/backup') found=('@files') ;;
    'db/restore') found=('@files') ;;
    'chaos/inject') found=('worker-kill worker-stop hang busy-loop exit-code segfault exit-silent memory open-files error result-garbage result-too-large slow-start import-failure service-500 service-429 service-reset service-slow service-half disk-full output-read-only store-locked clock-jump queue-flood config-broken daemon-kill') ;;
    'chaos/abort') found=('@drills' '*') ;;
    'chaos/score') found=('@scores') ;;
    'init') found=('@dirs') ;;
    'completion/show') found=('bash zsh fish') ;;
    'completion/install') found=('bash zsh fish') ;;
    'help') found=('exit-codes environment filters output input') ;;
  esac
}

_fnr_value() {
  found=()
  case $1 in
    ':--home') found=('@dirs') ;;
    ':--config') found=('@files') ;;
    ':-o'|':--output') found=(table json jsonl name) ;;
    ':--timeout') found=() ;;
    'status:--home') found=('@dirs') ;;
    'status:--config') found=('@files') ;;
    'status:-o'|'status:--output') found=(table json jsonl name) ;;
    'status:--timeout') found=() ;;
    'submit:-i'|'submit:--input') found=('@files') ;;
    'submit:--jsonl') found=('@files') ;;
    'submit:-p'|'submit:--priority') found=() ;;
    'submit:--delay') found=() ;;
    'submit:--at') found=() ;;
    'submit:--timeout') found=() ;;
    'submit:--expires') found=() ;;
    'submit:--unique') found=() ;;
    'submit:--key') found=() ;;
    'submit:--tag') found=() ;;
    'submit:--retries') found=() ;;
    'submit:--home') found=('@dirs') ;;
    'submit:--config') found=('@files') ;;
    'submit:-o'|'submit:--output') found=(table json jsonl name) ;;
    'run:--name') found=() ;;
    'run:--retries') found=() ;;
    'run:--timeout') found=() ;;
    'run:--memory') found=() ;;
    'run:--cwd') found=('@dirs') ;;
    'run:--env') found=() ;;
    'run:--nice') found=() ;;
    'run:--tag') found=() ;;
    'run:-p'|'run:--priority') found=() ;;
    'run:--home') found=('@dirs') ;;
    'run:--config') found=('@files') ;;
    'run:-o'|'run:--output') found=(table json jsonl name) ;;
    'task:--home') found=('@dirs') ;;
    'task:--config') found=('@files') ;;
    'task:-o'|'task:--output') found=(table json jsonl name) ;;
    'task:--timeout') found=() ;;
    'task/list:--where') found=('age:' 'at:' 'attempts:' 'category:' 'category:transient' 'category:resource' 'category:validation' 'category:permanent' 'category:unknown' 'cause:' 'cause:permanent' 'cause:validation' 'cause:exhausted' 'cause:poison' 'cause:expired' 'exit:' 'function:' 'id:' 'message:' 'priority:' 'reason:' 'replays:' 'retries:' 'rule:' 'signal:' 'since:' 'state:' 'state:queued' 'state:waiting' 'state:running' 'state:done' 'state:dead' 'state:cancelled' 'submitter:' 'tag:' 'unique:' 'until:') ;;
    'task/list:-n'|'task/list:--limit') found=() ;;
    'task/list:--after') found=() ;;
    'task/list:--home') found=('@dirs') ;;
    'task/list:--config') found=('@files') ;;
    'task/list:-o'|'task/list:--output') found=(table json jsonl name) ;;
    'task/list:--timeout') found=() ;;
    'task/show:--home') found=('@dirs') ;;
    'task/show:--config') found=('@files') ;;
    'task/show:-o'|'task/show:--output') found=(table json jsonl name) ;;
    'task/show:--timeout') found=() ;;
    'task/history:--home') found=('@dirs') ;;
    'task/history:--config') found=('@files') ;;
    'task/history:-o'|'task/history:--output') found=(table json jsonl name) ;;
    'task/history:--timeout') found=() ;;
    'task/wait:--for') found=() ;;
    'task/wait:--home') found=('@dirs') ;;
    'task/wait:--config') found=('@files') ;;
    'task/wait:-o'|'task/wait:--output') found=(table json jsonl name) ;;
    'task/wait:--timeout') found=() ;;
    'task/cancel:--where') found=('age:' 'at:' 'attempts:' 'category:' 'category:transient' 'category:resource' 'category:validation' 'category:permanent' 'category:unknown' 'cause:' 'cause:permanent' 'cause:validation' 'cause:exhausted' 'cause:poison' 'cause:expired' 'exit:' 'function:' 'id:' 'message:' 'priority:' 'reason:' 'replays:' 'retries:' 'rule:' 'signal:' 'since:' 'state:' 'state:queued' 'state:waiting' 'state:running' 'state:done' 'state:dead' 'state:cancelled' 'submitter:' 'tag:' 'unique:' 'until:') ;;
    'task/cancel:--reason') found=() ;;
    'task/cancel:--home') found=('@dirs') ;;
    'task/cancel:--config') found=('@files') ;;
    'task/cancel:-o'|'task/cancel:--output') found=(table json jsonl name) ;;
    'task/cancel:--timeout') found=() ;;
    'task/logs:-n'|'task/logs:--lines') found=() ;;
    'task/logs:--since') found=() ;;
    'task/logs:--home') found=('@dirs') ;;
    'task/logs:--config') found=('@files') ;;
    'task/logs:-o'|'task/logs:--output') found=(table json jsonl name) ;;
    'task/logs:--timeout') found=() ;;
    'logs:-n'|'logs:--lines') found=() ;;
    'logs:--since') found=() ;;
    'logs:--home') found=('@dirs') ;;
    'logs:--config') found=('@files') ;;
    'logs:-o'|'logs:--output') found=(table json jsonl name) ;;
    'logs:--timeout') found=() ;;
    'dlq:--home') found=('@dirs') ;;
    'dlq:--config') found=('@files') ;;
    'dlq:-o'|'dlq:--output') found=(table json jsonl name) ;;
    'dlq:--timeout') found=() ;;
    'dlq/list:--where') found=('age:' 'at:' 'attempts:' 'category:' 'category:transient' 'category:resource' 'category:validation' 'category:permanent' 'category:unknown' 'cause:' 'cause:permanent' 'cause:validation' 'cause:exhausted' 'cause:poison' 'cause:expired' 'exit:' 'function:' 'id:' 'incident:' 'message:' 'priority:' 'reason:' 'replays:' 'retries:' 'rule:' 'signal:' 'since:' 'state:' 'state:open' 'state:replaying' 'state:resolved' 'submitter:' 'tag:' 'unique:' 'until:') ;;
    'dlq/list:-n'|'dlq/list:--limit') found=() ;;
    'dlq/list:--after') found=() ;;
    'dlq/list:--home') found=('@dirs') ;;
    'dlq/list:--config') found=('@files') ;;
    'dlq/list:-o'|'dlq/list:--output') found=(table json jsonl name) ;;
    'dlq/list:--timeout') found=() ;;
    'dlq/show:--home') found=('@dirs') ;;
    'dlq/show:--config') found=('@files') ;;
    'dlq/show:-o'|'dlq/show:--output') found=(table json jsonl name) ;;
    'dlq/show:--timeout') found=() ;;
    'dlq/stats:--where') found=('age:' 'at:' 'attempts:' 'category:' 'category:transient' 'category:resource' 'category:validation' 'category:permanent' 'category:unknown' 'cause:' 'cause:permanent' 'cause:validation' 'cause:exhausted' 'cause:poison' 'cause:expired' 'exit:' 'function:' 'id:' 'incident:' 'message:' 'priority:' 'reason:' 'replays:' 'retries:' 'rule:' 'signal:' 'since:' 'state:' 'state:open' 'state:replaying' 'state:resolved' 'submitter:' 'tag:' 'unique:' 'until:') ;;
    'dlq/stats:--home') found=('@dirs') ;;
    'dlq/stats:--config') found=('@files') ;;
    'dlq/stats:-o'|'dlq/stats:--output') found=(table json jsonl name) ;;
    'dlq/stats:--timeout') found=() ;;
    'dlq/resolve:--where') found=('age:' 'at:' 'attempts:' 'category:' 'category:transient' 'category:resource' 'category:validation' 'category:permanent' 'category:unknown' 'cause:' 'cause:permanent' 'cause:validation' 'cause:exhausted' 'cause:poison' 'cause:expired' 'exit:' 'function:' 'id:' 'incident:' 'message:' 'priority:' 'reason:' 'replays:' 'retries:' 'rule:' 'signal:' 'since:' 'state:' 'state:open' 'state:replaying' 'state:resolved' 'submitter:' 'tag:' 'unique:' 'until:') ;;
    'dlq/resolve:--reason') found=() ;;
    'dlq/resolve:--home') found=('@dirs') ;;
    'dlq/resolve:--config') found=('@files') ;;
    'dlq/resolve:-o'|'dlq/resolve:--output') found=(table json jsonl name) ;;
    'dlq/resolve:--timeout') found=() ;;
    'dlq/purge:--where') found=('age:' 'at:' 'attempts:' 'category:' 'category:transient' 'category:resource' 'category:validation' 'category:permanent' 'category:unknown' 'cause:' 'cause:permanent' 'cause:validation' 'cause:exhausted' 'cause:poison' 'cause:expired' 'exit:' 'function:' 'id:' 'incident:' 'message:' 'priority:' 'reason:' 'replays:' 'retries:' 'rule:' 'signal:' 'since:' 'state:' 'state:open' 'state:replaying' 'state:resolved' 'submitter:' 'tag:' 'unique:' 'until:') ;;
    'dlq/purge:--home') found=('@dirs') ;;
    'dlq/purge:--config') found=('@files') ;;
    'dlq/purge:-o'|'dlq/purge:--output') found=(table json jsonl name) ;;
    'dlq/purge:--timeout') found=() ;;
    'dlq/replay:--where') found=('age:' 'at:' 'attempts:' 'category:' 'category:transient' 'category:resource' 'category:validation' 'category:permanent' 'category:unknown' 'cause:' 'cause:permanent' 'cause:validation' 'cause:exhausted' 'cause:poison' 'cause:expired' 'exit:' 'function:' 'id:' 'incident:' 'message:' 'priority:' 'reason:' 'replays:' 'retries:' 'rule:' 'signal:' 'since:' 'state:' 'state:open' 'state:replaying' 'state:resolved' 'submitter:' 'tag:' 'unique:' 'until:') ;;
    'dlq/replay:--canary') found=() ;;
    'dlq/replay:--rate') found=() ;;
    'dlq/replay:--ramp') found=() ;;
    'dlq/replay:--concurrency') found=() ;;
    'dlq/replay:--stop-on-failures') found=() ;;
    'dlq/replay:--order') found=(oldest newest priority) ;;
    'dlq/replay:--keep-order-by') found=() ;;
    'dlq/replay:--reason') found=() ;;
    'dlq/replay:--home') found=('@dirs') ;;
    'dlq/replay:--config') found=('@files') ;;
    'dlq/replay:-o'|'dlq/replay:--output') found=(table json jsonl name) ;;
    'dlq/replay:--timeout') found=() ;;
    'dlq/edit:--set') found=() ;;
    'dlq/edit:-i'|'dlq/edit:--input') found=('@files') ;;
    'dlq/edit:--home') found=('@dirs') ;;
    'dlq/edit:--config') found=('@files') ;;
    'dlq/edit:-o'|'dlq/edit:--output') found=(table json jsonl name) ;;
    'dlq/edit:--timeout') found=() ;;
    'dlq/export:--where') found=('age:' 'at:' 'attempts:' 'category:' 'category:transient' 'category:resource' 'category:validation' 'category:permanent' 'category:unknown' 'cause:' 'cause:permanent' 'cause:validation' 'cause:exhausted' 'cause:poison' 'cause:expired' 'exit:' 'function:' 'id:' 'incident:' 'message:' 'priority:' 'reason:' 'replays:' 'retries:' 'rule:' 'signal:' 'since:' 'state:' 'state:open' 'state:replaying' 'state:resolved' 'submitter:' 'tag:' 'unique:' 'until:') ;;
    'dlq/export:--to') found=('@files') ;;
    'dlq/export:--home') found=('@dirs') ;;
    'dlq/export:--config') found=('@files') ;;
    'dlq/export:-o'|'dlq/export:--output') found=(table json jsonl name) ;;
    'dlq/export:--timeout') found=() ;;
    'dlq/import:--home') found=('@dirs') ;;
    'dlq/import:--config') found=('@files') ;;
    'dlq/import:-o'|'dlq/import:--output') found=(table json jsonl name) ;;
    'dlq/import:--timeout') found=() ;;
    'replay:--home') found=('@dirs') ;;
    'replay:--config') found=('@files') ;;
    'replay:-o'|'replay:--output') found=(table json jsonl name) ;;
    'replay:--timeout') found=() ;;
    'replay/list:-n'|'replay/list:--limit') found=() ;;
    'replay/list:--after') found=() ;;
    'replay/list:--home') found=('@dirs') ;;
    'replay/list:--config') found=('@files') ;;
    'replay/list:-o'|'replay/list:--output') found=(table json jsonl name) ;;
    'replay/list:--timeout') found=() ;;
    'replay/show:--letters') found=(pending held ready live done dead cancelled skipped) ;;
    'replay/show:-n'|'replay/show:--limit') found=() ;;
    'replay/show:--after') found=() ;;
    'replay/show:--home') found=('@dirs') ;;
    'replay/show:--config') found=('@files') ;;
    'replay/show:-o'|'replay/show:--output') found=(table json jsonl name) ;;
    'replay/show:--timeout') found=() ;;
    'replay/pause:--reason') found=() ;;
    'replay/pause:--home') found=('@dirs') ;;
    'replay/pause:--config') found=('@files') ;;
    'replay/pause:-o'|'replay/pause:--output') found=(table json jsonl name) ;;
    'replay/pause:--timeout') found=() ;;
    'replay/resume:--rate') found=() ;;
    'replay/resume:--concurrency') found=() ;;
    'replay/resume:--reason') found=() ;;
    'replay/resume:--home') found=('@dirs') ;;
    'replay/resume:--config') found=('@files') ;;
    'replay/resume:-o'|'replay/resume:--output') found=(table json jsonl name) ;;
    'replay/resume:--timeout') found=() ;;
    'replay/cancel:--reason') found=() ;;
    'replay/cancel:--home') found=('@dirs') ;;
    'replay/cancel:--config') found=('@files') ;;
    'replay/cancel:-o'|'replay/cancel:--output') found=(table json jsonl name) ;;
    'replay/cancel:--timeout') found=() ;;
    'errors:--home') found=('@dirs') ;;
    'errors:--config') found=('@files') ;;
    'errors:-o'|'errors:--output') found=(table json jsonl name) ;;
    'errors:--timeout') found=() ;;
    'errors/list:--where') found=('age:' 'at:' 'category:' 'category:transient' 'category:resource' 'category:validation' 'category:permanent' 'category:unknown' 'exit:' 'function:' 'id:' 'incident:' 'killed:' 'message:' 'rule:' 'signal:' 'since:' 'strategy:' 'task:' 'until:' 'was:' 'was:transient' 'was:resource' 'was:validation' 'was:permanent' 'was:unknown') ;;
    'errors/list:--since') found=() ;;
    'errors/list:-n'|'errors/list:--limit') found=() ;;
    'errors/list:--after') found=() ;;
    'errors/list:--home') found=('@dirs') ;;
    'errors/list:--config') found=('@files') ;;
    'errors/list:-o'|'errors/list:--output') found=(table json jsonl name) ;;
    'errors/list:--timeout') found=() ;;
    'errors/show:--home') found=('@dirs') ;;
    'errors/show:--config') found=('@files') ;;
    'errors/show:-o'|'errors/show:--output') found=(table json jsonl name) ;;
    'errors/show:--timeout') found=() ;;
    'errors/explain:--home') found=('@dirs') ;;
    'errors/explain:--config') found=('@files') ;;
    'errors/explain:-o'|'errors/explain:--output') found=(table json jsonl name) ;;
    'errors/explain:--timeout') found=() ;;
    'errors/groups:--where') found=('acked:' 'age:' 'at:' 'category:' 'category:transient' 'category:resource' 'category:validation' 'category:permanent' 'category:unknown' 'count:' 'function:' 'id:' 'message:' 'reason:' 'regressions:' 'rule:' 'since:' 'state:' 'state:new' 'state:ongoing' 'state:regressed' 'state:snoozed' 'state:resolved' 'until:') ;;
    'errors/groups:--since') found=() ;;
    'errors/groups:-n'|'errors/groups:--limit') found=() ;;
    'errors/groups:--after') found=() ;;
    'errors/groups:--home') found=('@dirs') ;;
    'errors/groups:--config') found=('@files') ;;
    'errors/groups:-o'|'errors/groups:--output') found=(table json jsonl name) ;;
    'errors/groups:--timeout') found=() ;;
    'errors/similar:-n'|'errors/similar:--limit') found=() ;;
    'errors/similar:--home') found=('@dirs') ;;
    'errors/similar:--config') found=('@files') ;;
    'errors/similar:-o'|'errors/similar:--output') found=(table json jsonl name) ;;
    'errors/similar:--timeout') found=() ;;
    'errors/tail:--where') found=('age:' 'at:' 'category:' 'category:transient' 'category:resource' 'category:validation' 'category:permanent' 'category:unknown' 'exit:' 'function:' 'id:' 'incident:' 'killed:' 'message:' 'rule:' 'signal:' 'since:' 'strategy:' 'task:' 'until:' 'was:' 'was:transient' 'was:resource' 'was:validation' 'was:permanent' 'was:unknown') ;;
    'errors/tail:-n'|'errors/tail:--lines') found=() ;;
    'errors/tail:--home') found=('@dirs') ;;
    'errors/tail:--config') found=('@files') ;;
    'errors/tail:-o'|'errors/tail:--output') found=(table json jsonl name) ;;
    'errors/tail:--timeout') found=() ;;
    'errors/ack:--reason') found=() ;;
    'errors/ack:--home') found=('@dirs') ;;
    'errors/ack:--config') found=('@files') ;;
    'errors/ack:-o'|'errors/ack:--output') found=(table json jsonl name) ;;
    'errors/ack:--timeout') found=() ;;
    'errors/snooze:--for') found=() ;;
    'errors/snooze:--reason') found=() ;;
    'errors/snooze:--home') found=('@dirs') ;;
    'errors/snooze:--config') found=('@files') ;;
    'errors/snooze:-o'|'errors/snooze:--output') found=(table json jsonl name) ;;
    'errors/snooze:--timeout') found=() ;;
    'errors/resolve:--reason') found=() ;;
    'errors/resolve:--home') found=('@dirs') ;;
    'errors/resolve:--config') found=('@files') ;;
    'errors/resolve:-o'|'errors/resolve:--output') found=(table json jsonl name) ;;
    'errors/resolve:--timeout') found=() ;;
    'errors/reclassify:--category') found=(transient resource validation permanent unknown) ;;
    'errors/reclassify:--why') found=() ;;
    'errors/reclassify:--home') found=('@dirs') ;;
    'errors/reclassify:--config') found=('@files') ;;
    'errors/reclassify:-o'|'errors/reclassify:--output') found=(table json jsonl name) ;;
    'errors/reclassify:--timeout') found=() ;;
    'rules:--home') found=('@dirs') ;;
    'rules:--config') found=('@files') ;;
    'rules:-o'|'rules:--output') found=(table json jsonl name) ;;
    'rules:--timeout') found=() ;;
    'rules/list:-c'|'rules/list:--category') found=(transient resource validation permanent unknown) ;;
    'rules/list:--home') found=('@dirs') ;;
    'rules/list:--config') found=('@files') ;;
    'rules/list:-o'|'rules/list:--output') found=(table json jsonl name) ;;
    'rules/list:--timeout') found=() ;;
    'rules/show:--home') found=('@dirs') ;;
    'rules/show:--config') found=('@files') ;;
    'rules/show:-o'|'rules/show:--output') found=(table json jsonl name) ;;
    'rules/show:--timeout') found=() ;;
    'rules/check:--home') found=('@dirs') ;;
    'rules/check:--config') found=('@files') ;;
    'rules/check:-o'|'rules/check:--output') found=(table json jsonl name) ;;
    'rules/check:--timeout') found=() ;;
    'rules/test:--exception') found=() ;;
    'rules/test:--exit') found=() ;;
    'rules/test:--signal') found=() ;;
    'rules/test:--http') found=() ;;
    'rules/test:--code') found=() ;;
    'rules/test:--stderr') found=('@files') ;;
    'rules/test:--traceback') found=('@files') ;;
    'rules/test:--killed-by') found=(timeout 'progress_timeout' hang cancel drain restart operator recycle reboot 'output_limit' drill) ;;
    'rules/test:--phase') found=(import start run result) ;;
    'rules/test:--function') found=('@functions') ;;
    'rules/test:--input') found=() ;;
    'rules/test:--rules') found=('@files') ;;
    'rules/test:--against-history') found=() ;;
    'rules/test:--home') found=('@dirs') ;;
    'rules/test:--config') found=('@files') ;;
    'rules/test:-o'|'rules/test:--output') found=(table json jsonl name) ;;
    'rules/test:--timeout') found=() ;;
    'rules/eval:-n'|'rules/eval:--limit') found=() ;;
    'rules/eval:--home') found=('@dirs') ;;
    'rules/eval:--config') found=('@files') ;;
    'rules/eval:-o'|'rules/eval:--output') found=(table json jsonl name) ;;
    'rules/eval:--timeout') found=() ;;
    'rules/reload:--home') found=('@dirs') ;;
    'rules/reload:--config') found=('@files') ;;
    'rules/reload:-o'|'rules/reload:--output') found=(table json jsonl name) ;;
    'rules/reload:--timeout') found=() ;;
    'rules/suggest:--since') found=() ;;
    'rules/suggest:--min-hits') found=() ;;
    'rules/suggest:--home') found=('@dirs') ;;
    'rules/suggest:--config') found=('@files') ;;
    'rules/suggest:-o'|'rules/suggest:--output') found=(table json jsonl name) ;;
    'rules/suggest:--timeout') found=() ;;
    'rules/add:--category') found=(transient resource validation permanent unknown) ;;
    'rules/add:--text') found=() ;;
    'rules/add:--exception') found=() ;;
    'rules/add:--code') found=() ;;
    'rules/add:--exit') found=() ;;
    'rules/add:--signal') found=() ;;
    'rules/add:--hint') found=() ;;
    'rules/add:--max-retries') found=() ;;
    'rules/add:--test') found=() ;;
    'rules/add:--home') found=('@dirs') ;;
    'rules/add:--config') found=('@files') ;;
    'rules/add:-o'|'rules/add:--output') found=(table json jsonl name) ;;
    'rules/add:--timeout') found=() ;;
    'rules/edit:--home') found=('@dirs') ;;
    'rules/edit:--config') found=('@files') ;;
    'rules/edit:-o'|'rules/edit:--output') found=(table json jsonl name) ;;
    'rules/edit:--timeout') found=() ;;
    'rules/enable:--home') found=('@dirs') ;;
    'rules/enable:--config') found=('@files') ;;
    'rules/enable:-o'|'rules/enable:--output') found=(table json jsonl name) ;;
    'rules/enable:--timeout') found=() ;;
    'rules/disable:--home') found=('@dirs') ;;
    'rules/disable:--config') found=('@files') ;;
    'rules/disable:-o'|'rules/disable:--output') found=(table json jsonl name) ;;
    'rules/disable:--timeout') found=() ;;
    'rules/stats:-n'|'rules/stats:--limit') found=() ;;
    'rules/stats:--home') found=('@dirs') ;;
    'rules/stats:--config') found=('@files') ;;
    'rules/stats:-o'|'rules/stats:--output') found=(table json jsonl name) ;;
    'rules/stats:--timeout') found=() ;;
    'rules/learn:--home') found=('@dirs') ;;
    'rules/learn:--config') found=('@files') ;;
    'rules/learn:-o'|'rules/learn:--output') found=(table json jsonl name) ;;
    'rules/learn:--timeout') found=() ;;
    'breaker:--home') found=('@dirs') ;;
    'breaker:--config') found=('@files') ;;
    'breaker:-o'|'breaker:--output') found=(table json jsonl name) ;;
    'breaker:--timeout') found=() ;;
    'breaker/list:--home') found=('@dirs') ;;
    'breaker/list:--config') found=('@files') ;;
    'breaker/list:-o'|'breaker/list:--output') found=(table json jsonl name) ;;
    'breaker/list:--timeout') found=() ;;
    'breaker/show:--home') found=('@dirs') ;;
    'breaker/show:--config') found=('@files') ;;
    'breaker/show:-o'|'breaker/show:--output') found=(table json jsonl name) ;;
    'breaker/show:--timeout') found=() ;;
    'breaker/why:--home') found=('@dirs') ;;
    'breaker/why:--config') found=('@files') ;;
    'breaker/why:-o'|'breaker/why:--output') found=(table json jsonl name) ;;
    'breaker/why:--timeout') found=() ;;
    'breaker/open:--for') found=() ;;
    'breaker/open:--reason') found=() ;;
    'breaker/open:--home') found=('@dirs') ;;
    'breaker/open:--config') found=('@files') ;;
    'breaker/open:-o'|'breaker/open:--output') found=(table json jsonl name) ;;
    'breaker/open:--timeout') found=() ;;
    'breaker/close:--for') found=() ;;
    'breaker/close:--reason') found=() ;;
    'breaker/close:--home') found=('@dirs') ;;
    'breaker/close:--config') found=('@files') ;;
    'breaker/close:-o'|'breaker/close:--output') found=(table json jsonl name) ;;
    'breaker/close:--timeout') found=() ;;
    'breaker/disable:--for') found=() ;;
    'breaker/disable:--reason') found=() ;;
    'breaker/disable:--home') found=('@dirs') ;;
    'breaker/disable:--config') found=('@files') ;;
    'breaker/disable:-o'|'breaker/disable:--output') found=(table json jsonl name) ;;
    'breaker/disable:--timeout') found=() ;;
    'breaker/reset:--reason') found=() ;;
    'breaker/reset:--home') found=('@dirs') ;;
    'breaker/reset:--config') found=('@files') ;;
    'breaker/reset:-o'|'breaker/reset:--output') found=(table json jsonl name) ;;
    'breaker/reset:--timeout') found=() ;;
    'breaker/probe:--home') found=('@dirs') ;;
    'breaker/probe:--config') found=('@files') ;;
    'breaker/probe:-o'|'breaker/probe:--output') found=(table json jsonl name) ;;
    'breaker/probe:--timeout') found=() ;;
    'breaker/history:-n'|'breaker/history:--limit') found=() ;;
    'breaker/history:--home') found=('@dirs') ;;
    'breaker/history:--config') found=('@files') ;;
    'breaker/history:-o'|'breaker/history:--output') found=(table json jsonl name) ;;
    'breaker/history:--timeout') found=() ;;
    'alert:--home') found=('@dirs') ;;
    'alert:--config') found=('@files') ;;
    'alert:-o'|'alert:--output') found=(table json jsonl name) ;;
    'alert:--timeout') found=() ;;
    'alert/list:--channel') found=() ;;
    'alert/list:--limit') found=() ;;
    'alert/list:--home') found=('@dirs') ;;
    'alert/list:--config') found=('@files') ;;
    'alert/list:-o'|'alert/list:--output') found=(table json jsonl name) ;;
    'alert/list:--timeout') found=() ;;
    'alert/test:--home') found=('@dirs') ;;
    'alert/test:--config') found=('@files') ;;
    'alert/test:-o'|'alert/test:--output') found=(table json jsonl name) ;;
    'alert/test:--timeout') found=() ;;
    'undo:--home') found=('@dirs') ;;
    'undo:--config') found=('@files') ;;
    'undo:-o'|'undo:--output') found=(table json jsonl name) ;;
    'undo:--timeout') found=() ;;
    'undo/list:--where') found=('age:' 'at:' 'function:' 'id:' 'kind:' 'reason:' 'since:' 'state:' 'state:recorded' 'state:undoing' 'state:undone' 'state:needs_operator' 'state:skipped' 'state:dropped' 'task:' 'tries:' 'until:') ;;
    'undo/list:--since') found=() ;;
    'undo/list:-n'|'undo/list:--limit') found=() ;;
    'undo/list:--after') found=() ;;
    'undo/list:--home') found=('@dirs') ;;
    'undo/list:--config') found=('@files') ;;
    'undo/list:-o'|'undo/list:--output') found=(table json jsonl name) ;;
    'undo/list:--timeout') found=() ;;
    'undo/show:--home') found=('@dirs') ;;
    'undo/show:--config') found=('@files') ;;
    'undo/show:-o'|'undo/show:--output') found=(table json jsonl name) ;;
    'undo/show:--timeout') found=() ;;
    'undo/retry:--home') found=('@dirs') ;;
    'undo/retry:--config') found=('@files') ;;
    'undo/retry:-o'|'undo/retry:--output') found=(table json jsonl name) ;;
    'undo/retry:--timeout') found=() ;;
    'undo/skip:--reason') found=() ;;
    'undo/skip:--home') found=('@dirs') ;;
    'undo/skip:--config') found=('@files') ;;
    'undo/skip:-o'|'undo/skip:--output') found=(table json jsonl name) ;;
    'undo/skip:--timeout') found=() ;;
    'function:--home') found=('@dirs') ;;
    'function:--config') found=('@files') ;;
    'function:-o'|'function:--output') found=(table json jsonl name) ;;
    'function:--timeout') found=() ;;
    'function/list:--home') found=('@dirs') ;;
    'function/list:--config') found=('@files') ;;
    'function/list:-o'|'function/list:--output') found=(table json jsonl name) ;;
    'function/list:--timeout') found=() ;;
    'function/show:--home') found=('@dirs') ;;
    'function/show:--config') found=('@files') ;;
    'function/show:-o'|'function/show:--output') found=(table json jsonl name) ;;
    'function/show:--timeout') found=() ;;
    'function/pause:--reason') found=() ;;
    'function/pause:--home') found=('@dirs') ;;
    'function/pause:--config') found=('@files') ;;
    'function/pause:-o'|'function/pause:--output') found=(table json jsonl name) ;;
    'function/pause:--timeout') found=() ;;
    'function/resume:--home') found=('@dirs') ;;
    'function/resume:--config') found=('@files') ;;
    'function/resume:-o'|'function/resume:--output') found=(table json jsonl name) ;;
    'function/resume:--timeout') found=() ;;
    'gpu:--home') found=('@dirs') ;;
    'gpu:--config') found=('@files') ;;
    'gpu:-o'|'gpu:--output') found=(table json jsonl name) ;;
    'gpu:--timeout') found=() ;;
    'gpu/list:--home') found=('@dirs') ;;
    'gpu/list:--config') found=('@files') ;;
    'gpu/list:-o'|'gpu/list:--output') found=(table json jsonl name) ;;
    'gpu/list:--timeout') found=() ;;
    'gpu/trust:--reason') found=() ;;
    'gpu/trust:--home') found=('@dirs') ;;
    'gpu/trust:--config') found=('@files') ;;
    'gpu/trust:-o'|'gpu/trust:--output') found=(table json jsonl name) ;;
    'gpu/trust:--timeout') found=() ;;
    'allocation:--home') found=('@dirs') ;;
    'allocation:--config') found=('@files') ;;
    'allocation:-o'|'allocation:--output') found=(table json jsonl name) ;;
    'allocation:--timeout') found=() ;;
    'allocation/list:--home') found=('@dirs') ;;
    'allocation/list:--config') found=('@files') ;;
    'allocation/list:-o'|'allocation/list:--output') found=(table json jsonl name) ;;
    'allocation/list:--timeout') found=() ;;
    'worker:--home') found=('@dirs') ;;
    'worker:--config') found=('@files') ;;
    'worker:-o'|'worker:--output') found=(table json jsonl name) ;;
    'worker:--timeout') found=() ;;
    'worker/list:-f'|'worker/list:--function') found=('@functions') ;;
    'worker/list:--home') found=('@dirs') ;;
    'worker/list:--config') found=('@files') ;;
    'worker/list:-o'|'worker/list:--output') found=(table json jsonl name) ;;
    'worker/list:--timeout') found=() ;;
    'worker/show:--home') found=('@dirs') ;;
    'worker/show:--config') found=('@files') ;;
    'worker/show:-o'|'worker/show:--output') found=(table json jsonl name) ;;
    'worker/show:--timeout') found=() ;;
    'worker/restart:--home') found=('@dirs') ;;
    'worker/restart:--config') found=('@files') ;;
    'worker/restart:-o'|'worker/restart:--output') found=(table json jsonl name) ;;
    'worker/restart:--timeout') found=() ;;
    'worker/stop:--home') found=('@dirs') ;;
    'worker/stop:--config') found=('@files') ;;
    'worker/stop:-o'|'worker/stop:--output') found=(table json jsonl name) ;;
    'worker/stop:--timeout') found=() ;;
    'tui:--home') found=('@dirs') ;;
    'tui:--config') found=('@files') ;;
    'tui:-o'|'tui:--output') found=(table json jsonl name) ;;
    'tui:--timeout') found=() ;;
    'daemon:--log-level') found=(debug info warning error) ;;
    'daemon:--log-format') found=(text json) ;;
    'daemon:--log-file') found=('@files') ;;
    'daemon:--home') found=('@dirs') ;;
    'daemon:--config') found=('@files') ;;
    'daemon:-o'|'daemon:--output') found=(table json jsonl name) ;;
    'daemon:--timeout') found=() ;;
    'daemon/start:--within') found=() ;;
    'daemon/start:--home') found=('@dirs') ;;
    'daemon/start:--config') found=('@files') ;;
    'daemon/start:-o'|'daemon/start:--output') found=(table json jsonl name) ;;
    'daemon/start:--timeout') found=() ;;
    'daemon/stop:--within') found=() ;;
    'daemon/stop:--home') found=('@dirs') ;;
    'daemon/stop:--config') found=('@files') ;;
    'daemon/stop:-o'|'daemon/stop:--output') found=(table json jsonl name) ;;
    'daemon/stop:--timeout') found=() ;;
    'daemon/restart:--within') found=() ;;
    'daemon/restart:--home') found=('@dirs') ;;
    'daemon/restart:--config') found=('@files') ;;
    'daemon/restart:-o'|'daemon/restart:--output') found=(table json jsonl name) ;;
    'daemon/restart:--timeout') found=() ;;
    'daemon/reload:--home') found=('@dirs') ;;
    'daemon/reload:--config') found=('@files') ;;
    'daemon/reload:-o'|'daemon/reload:--output') found=(table json jsonl name) ;;
    'daemon/reload:--timeout') found=() ;;
    'daemon/status:--home') found=('@dirs') ;;
    'daemon/status:--config') found=('@files') ;;
    'daemon/status:-o'|'daemon/status:--output') found=(table json jsonl name) ;;
    'daemon/status:--timeout') found=() ;;
    'db:--home') found=('@dirs') ;;
    'db:--config') found=('@files') ;;
    'db:-o'|'db:--output') found=(table json jsonl name) ;;
    'db:--timeout') found=() ;;
    'db/check:--home') found=('@dirs') ;;
    'db/check:--config') found=('@files') ;;
    'db/check:-o'|'db/check:--output') found=(table json jsonl name) ;;
    'db/check:--timeout') found=() ;;
    'db/stats:--home') found=('@dirs') ;;
    'db/stats:--config') found=('@files') ;;
    'db/stats:-o'|'db/stats:--output') found=(table json jsonl name) ;;
    'db/stats:--timeout') found=() ;;
    'db/backup:--home') found=('@dirs') ;;
    'db/backup:--config') found=('@files') ;;
    'db/backup:-o'|'db/backup:--output') found=(table json jsonl name) ;;
    'db/backup:--timeout') found=() ;;
    'db/restore:--home') found=('@dirs') ;;
    'db/restore:--config') found=('@files') ;;
    'db/restore:-o'|'db/restore:--output') found=(table json jsonl name) ;;
    'db/restore:--timeout') found=() ;;
    'db/vacuum:--home') found=('@dirs') ;;
    'db/vacuum:--config') found=('@files') ;;
    'db/vacuum:-o'|'db/vacuum:--output') found=(table json jsonl name) ;;
    'db/vacuum:--timeout') found=() ;;
    'config:--home') found=('@dirs') ;;
    'config:--config') found=('@files') ;;
    'config:-o'|'config:--output') found=(table json jsonl name) ;;
    'config:--timeout') found=() ;;
    'config/show:--home') found=('@dirs') ;;
    'config/show:--config') found=('@files') ;;
    'config/show:-o'|'config/show:--output') found=(table json jsonl name) ;;
    'config/show:--timeout') found=() ;;
    'config/check:--home') found=('@dirs') ;;
    'config/check:--config') found=('@files') ;;
    'config/check:-o'|'config/check:--output') found=(table json jsonl name) ;;
    'config/check:--timeout') found=() ;;
    'config/path:--home') found=('@dirs') ;;
    'config/path:--config') found=('@files') ;;
    'config/path:-o'|'config/path:--output') found=(table json jsonl name) ;;
    'config/path:--timeout') found=() ;;
    'chaos:--home') found=('@dirs') ;;
    'chaos:--config') found=('@files') ;;
    'chaos:-o'|'chaos:--output') found=(table json jsonl name) ;;
    'chaos:--timeout') found=() ;;
    'chaos/faults:--home') found=('@dirs') ;;
    'chaos/faults:--config') found=('@files') ;;
    'chaos/faults:-o'|'chaos/faults:--output') found=(table json jsonl name) ;;
    'chaos/faults:--timeout') found=() ;;
    'chaos/inject:--duration') found=() ;;
    'chaos/inject:--reason') found=() ;;
    'chaos/inject:--where') found=('age:' 'at:' 'attempts:' 'category:' 'category:transient' 'category:resource' 'category:validation' 'category:permanent' 'category:unknown' 'cause:' 'cause:permanent' 'cause:validation' 'cause:exhausted' 'cause:poison' 'cause:expired' 'exit:' 'function:' 'id:' 'message:' 'priority:' 'reason:' 'replays:' 'retries:' 'rule:' 'signal:' 'since:' 'state:' 'state:queued' 'state:waiting' 'state:running' 'state:done' 'state:dead' 'state:cancelled' 'submitter:' 'tag:' 'unique:' 'until:') ;;
    'chaos/inject:--set') found=() ;;
    'chaos/inject:--times') found=() ;;
    'chaos/inject:--workers') found=() ;;
    'chaos/inject:--home') found=('@dirs') ;;
    'chaos/inject:--config') found=('@files') ;;
    'chaos/inject:-o'|'chaos/inject:--output') found=(table json jsonl name) ;;
    'chaos/inject:--timeout') found=() ;;
    'chaos/list:--home') found=('@dirs') ;;
    'chaos/list:--config') found=('@files') ;;
    'chaos/list:-o'|'chaos/list:--output') found=(table json jsonl name) ;;
    'chaos/list:--timeout') found=() ;;
    'chaos/abort:--home') found=('@dirs') ;;
    'chaos/abort:--config') found=('@files') ;;
    'chaos/abort:-o'|'chaos/abort:--output') found=(table json jsonl name) ;;
    'chaos/abort:--timeout') found=() ;;
    'chaos/drill:--scenario') found=(quick standard full) ;;
    'chaos/drill:--seed') found=() ;;
    'chaos/drill:--concurrent') found=() ;;
    'chaos/drill:--home') found=('@dirs') ;;
    'chaos/drill:--config') found=('@files') ;;
    'chaos/drill:-o'|'chaos/drill:--output') found=(table json jsonl name) ;;
    'chaos/drill:--timeout') found=() ;;
    'chaos/score:--against') found=('@scores') ;;
    'chaos/score:--home') found=('@dirs') ;;
    'chaos/score:--config') found=('@files') ;;
    'chaos/score:-o'|'chaos/score:--output') found=(table json jsonl name) ;;
    'chaos/score:--timeout') found=() ;;
    'chaos/scenarios:--home') found=('@dirs') ;;
    'chaos/scenarios:--config') found=('@files') ;;
    'chaos/scenarios:-o'|'chaos/scenarios:--output') found=(table json jsonl name) ;;
    'chaos/scenarios:--timeout') found=() ;;
    'chaos/proxy:--listen') found=() ;;
    'chaos/proxy:--upstream') found=() ;;
    'chaos/proxy:--home') found=('@dirs') ;;
    'chaos/proxy:--config') found=('@files') ;;
    'chaos/proxy:-o'|'chaos/proxy:--output') found=(table json jsonl name) ;;
    'chaos/proxy:--timeout') found=() ;;
    'init:--home') found=('@dirs') ;;
    'init:--config') found=('@files') ;;
    'init:-o'|'init:--output') found=(table json jsonl name) ;;
    'init:--timeout') found=() ;;
    'completion:--home') found=('@dirs') ;;
    'completion:--config') found=('@files') ;;
    'completion:-o'|'completion:--output') found=(table json jsonl name) ;;
    'completion:--timeout') found=() ;;
    'completion/show:--home') found=('@dirs') ;;
    'completion/show:--config') found=('@files') ;;
    'completion/show:-o'|'completion/show:--output') found=(table json jsonl name) ;;
    'completion/show:--timeout') found=() ;;
    'completion/install:--shell') found=(bash zsh fish) ;;
    'completion/install:--home') found=('@dirs') ;;
    'completion/install:--config') found=('@files') ;;
    'completion/install:-o'|'completion/install:--output') found=(table json jsonl name) ;;
    'completion/install:--timeout') found=() ;;
    'demo:--input') found=('@dirs') ;;
    'demo:--seed') found=() ;;
    'demo:--tasks-max') found=() ;;
    'demo:--home') found=('@dirs') ;;
    'demo:--config') found=('@files') ;;
    'demo:-o'|'demo:--output') found=(table json jsonl name) ;;
    'demo:--timeout') found=() ;;
    'help:--home') found=('@dirs') ;;
    'help:--config') found=('@files') ;;
    'help:-o'|'help:--output') found=(table json jsonl name) ;;
    'help:--timeout') found=() ;;
    *) return 1 ;;
  esac
}

# Where this home keeps its state; the same places as in fnr/config/paths.py.
_fnr_state() {
  local home=${1:-${FNR_HOME:-}}
  if [[ $home ]]; then
    [[ $home == '~' || $home == '~/'* ]] && home=$HOME${home:1}
    state=$home/state
  elif ((EUID == 0)); then
    state=/var/lib/fnr
  else
    state=${XDG_STATE_HOME:-$HOME/.local/state}/fnr
  fi
}

# Offer words that begin as what is typed, as the shell would have to read them.
_fnr_words() {
  local word IFS=$'\n'
  local -a fit=()
  if [[ $typed ]]; then
    for word; do [[ $word != "$typed"* ]] || fit+=("$word"); done
  else
    fit=("$@")
  fi
  fit=("${fit[@]/#/$lead}")
  fit=("${fit[@]#"$head"}")
  # Hundreds of ids need no look at each of them.
  if [[ -z $quote && "${fit[*]}" != *[!A-Za-z0-9_./:@%+,$'\n'-]* ]]; then
    COMPREPLY+=("${fit[@]}")
    return
  fi
  for word in "${fit[@]}"; do
    case $quote in
      \') [[ $word != *\'* ]] || continue ;;
      \") [[ $word != *["\$\`\\!"]* ]] || continue ;;
      *) [[ $word != *[!A-Za-z0-9_./:@%+,-]* ]] || printf -v word %q "$word" ;;
    esac
    COMPREPLY+=("$word")
  done
}

# Offer everything in `found`; what begins with @ is looked up.
_fnr_offer() {
  local mark
  local -a lines=() static=()
  for mark in "${found[@]}"; do
    case $mark in
      @files | @dirs | @commands)
        local -A actions=([@files]=-f [@dirs]=-d [@commands]=-c)
        compopt -o filenames 2>/dev/null
        mapfile -t lines < <(compgen "${actions[$mark]}" -- "$typed")
        COMPREPLY+=("${lines[@]}") ;;
      @drills)
        lines=("$state"/chaos/active/*/record.json)
        lines=("${lines[@]%/record.json}")
        [[ ! -d ${lines[0]} ]] || _fnr_words "${lines[@]##*/}" ;;
      @scores)
        lines=("$state"/chaos/scores/*.json)
        lines=("${lines[@]%.json}")
        [[ ! -f ${lines[0]}.json ]] || _fnr_words "${lines[@]##*/}" ;;
      @*)
        [[ -f $state/words/${mark:1} && -r $state/words/${mark:1} ]] || continue
        mapfile -t -n 2000 lines <"$state/words/${mark:1}"
        _fnr_words "${lines[@]%%$'\t'*}" ;;
      *:) # a field of the filter language: its value comes next
        [[ $typed == *:* ]] || { static+=("$mark") && compopt -o nospace 2>/dev/null; } ;;
      *:*) [[ $typed != *:* ]] || static+=("$mark") ;;
      *) static+=("$mark") ;;
    esac
  done
  _fnr_words "${static[@]}"
}

_fnr() {
  local IFS=$' \t\n' LC_ALL=C
  local at='' before='' home='' state='' lead='' head='' typed='' cur='' quote='' word piece i
  local -i given=0 literal=0
  local -a found=() words=()
  COMPREPLY=()
  # COMP_WORDS is also cut at : and =, which ids and --flag=value hold: put them together again.
  local line=${COMP_LINE:0:COMP_POINT}
  for ((i = 0; i <= COMP_CWORD; i++)); do
    piece=${COMP_WORDS[i]}
    ((i == 0)) || [[ $line == [[:space:]]* ]] && words+=('')
    line=${line#"${line%%[![:space:]]*}"}
    ((i == COMP_CWORD)) && piece=$line
    words[-1]+=$piece
    line=${line#"$piece"}
  done
  cur=${words[-1]}
  # What stands before the last of these signs is not ours to write again.
  local breaks=${COMP_WORDBREAKS//[^:=]/}
  [[ $breaks ]] && head=${cur%"${cur##*["$breaks"]}"}

  for ((i = 1; i < ${#words[@]} - 1; i++)); do
    word=${words[i]}
    if [[ $before ]]; then
      [[ $before == --home ]] && home=$word
      before=''
    elif [[ $word == -- && $literal == 0 ]]; then
      literal=1
    elif [[ $word == --*=* && $literal == 0 ]]; then
      [[ $word == --home=* ]] && home=${word#*=}
    elif [[ $word == -?* && $literal == 0 ]]; then
      _fnr_value "$at:$word" && before=$word
    else
      _fnr_below "$at"
      if [[ " ${found[*]} " == *" $word "* ]]; then at=${at:+$at/}$word; else given+=1; fi
    fi
  done
  home=${home//[\'\"\\]/}
  _fnr_state "$home"
  typed=$cur
  if [[ $before ]]; then
    _fnr_value "$at:$before"
  elif [[ $cur == --*=* && $literal == 0 ]]; then
    lead=${cur%%=*}= typed=${cur#*=}
    _fnr_value "$at:${cur%%=*}" || return 0
  elif [[ $cur == -* && $literal == 0 ]]; then
    _fnr_flags "$at"
  else
    _fnr_below "$at"
    if ((${#found[@]} == 0)); then
      _fnr_arguments "$at"
      [[ ${found[*]: -1} == '*' ]] && { unset 'found[-1]'; ((given < ${#found[@]})) || given=${#found[@]}-1; }
      read -ra found <<<"${found[given]-}"
      [[ $at == run && $given -gt 0 ]] && found=(@files)
    fi
  fi
  [[ $cur == [\'\"]* ]] && quote=${cur:0:1}
  typed=${typed//[\'\"\\]/}
  _fnr_offer
}
complete -F _fnr fnr
