# Made by tools/make_docs.py from the command line itself; do not edit.
_fnr_commands() {
  case $1 in
    '') echo 'status submit run task logs dlq function worker daemon db config init demo help' ;;
    'task') echo 'list show history wait cancel logs' ;;
    'dlq') echo 'list show stats resolve purge replay edit export import' ;;
    'function') echo 'list show pause resume' ;;
    'worker') echo 'list show restart stop' ;;
    'daemon') echo 'start stop restart reload status' ;;
    'db') echo 'check stats backup restore vacuum' ;;
    'config') echo 'show check path' ;;
  esac
}

_fnr_flags() {
  case $1 in
    '') echo '--version --home --config -o --output -q --quiet --no-color --timeout -h --help' ;;
    'status') echo '--home --config -o --output -q --quiet --no-color --timeout -h --help' ;;
    'submit') echo '-i --input --jsonl --atomic -p --priority --delay --at --timeout --expires --unique --key --tag --retries -w --wait --home --config -o --output -q --quiet --no-color -h --help' ;;
    'run') echo '-d --detach --name --retries --timeout --memory --cwd --env --nice --tag -p --priority --home --config -o --output -q --quiet --no-color -h --help' ;;
    'task') echo '--home --config -o --output -q --quiet --no-color --timeout -h --help' ;;
    'task/list') echo '--where -n --limit --after --home --config -o --output -q --quiet --no-color --timeout -h --help' ;;
    'task/show') echo '--home --config -o --output -q --quiet --no-color --timeout -h --help' ;;
    'task/history') echo '--home --config -o --output -q --quiet --no-color --timeout -h --help' ;;
    'task/wait') echo '--for --home --config -o --output -q --quiet --no-color --timeout -h --help' ;;
    'task/cancel') echo '--where --reason -y --yes --home --config -o --output -q --quiet --no-color --timeout -h --help' ;;
    'task/logs') echo '-f --follow -n --lines --since -t --timestamps --home --config -o --output -q --quiet --no-color --timeout -h --help' ;;
    'logs') echo '-f --follow -n --lines --since -t --timestamps --home --config -o --output -q --quiet --no-color --timeout -h --help' ;;
    'dlq') echo '--home --config -o --output -q --quiet --no-color --timeout -h --help' ;;
    'dlq/list') echo '--where -n --limit --after --home --config -o --output -q --quiet --no-color --timeout -h --help' ;;
    'dlq/show') echo '--home --config -o --output -q --quiet --no-color --timeout -h --help' ;;
    'dlq/stats') echo '--where --home --config -o --output -q --quiet --no-color --timeout -h --help' ;;
    'dlq/resolve') echo '--where --reason -y --yes --home --config -o --output -q --quiet --no-color --timeout -h --help' ;;
    'dlq/purge') echo '--where --open -y --yes --home --config -o --output -q --quiet --no-color --timeout -h --help' ;;
    'dlq/replay') echo '--where --all -n --dry-run -y --yes --rate --home --config -o --output -q --quiet --no-color --timeout -h --help' ;;
    'dlq/edit') echo '--set -i --input --home --config -o --output -q --quiet --no-color --timeout -h --help' ;;
    'dlq/export') echo '--where --to --home --config -o --output -q --quiet --no-color --timeout -h --help' ;;
    'dlq/import') echo '--home --config -o --output -q --quiet --no-color --timeout -h --help' ;;
    'function') echo '--home --config -o --output -q --quiet --no-color --timeout -h --help' ;;
    'function/list') echo '--home --config -o --output -q --quiet --no-color --timeout -h --help' ;;
    'function/show') echo '--home --config -o --output -q --quiet --no-color --timeout -h --help' ;;
    'function/pause') echo '--reason --home --config -o --output -q --quiet --no-color --timeout -h --help' ;;
    'function/resume') echo '--home --config -o --output -q --quiet --no-color --timeout -h --help' ;;
    'worker') echo '--home --config -o --output -q --quiet --no-color --timeout -h --help' ;;
    'worker/list') echo '-f --function --gone --home --config -o --output -q --quiet --no-color --timeout -h --help' ;;
    'worker/show') echo '--home --config -o --output -q --quiet --no-color --timeout -h --help' ;;
    'worker/restart') echo '--now --home --config -o --output -q --quiet --no-color --timeout -h --help' ;;
    'worker/stop') echo '--now --home --config -o --output -q --quiet --no-color --timeout -h --help' ;;
    'daemon') echo '--log-level --log-format --log-file --home --config -o --output -q --quiet --no-color --timeout -h --help' ;;
    'daemon/start') echo '--within --home --config -o --output -q --quiet --no-color --timeout -h --help' ;;
    'daemon/stop') echo '--drain --now --within --home --config -o --output -q --quiet --no-color --timeout -h --help' ;;
    'daemon/restart') echo '--drain --now --within --home --config -o --output -q --quiet --no-color --timeout -h --help' ;;
    'daemon/reload') echo '--home --config -o --output -q --quiet --no-color --timeout -h --help' ;;
    'daemon/status') echo '--home --config -o --output -q --quiet --no-color --timeout -h --help' ;;
    'db') echo '--home --config -o --output -q --quiet --no-color --timeout -h --help' ;;
    'db/check') echo '--home --config -o --output -q --quiet --no-color --timeout -h --help' ;;
    'db/stats') echo '--home --config -o --output -q --quiet --no-color --timeout -h --help' ;;
    'db/backup') echo '--home --config -o --output -q --quiet --no-color --timeout -h --help' ;;
    'db/restore') echo '-y --yes --home --config -o --output -q --quiet --no-color --timeout -h --help' ;;
    'db/vacuum') echo '--home --config -o --output -q --quiet --no-color --timeout -h --help' ;;
    'config') echo '--home --config -o --output -q --quiet --no-color --timeout -h --help' ;;
    'config/show') echo '--origin --home --config -o --output -q --quiet --no-color --timeout -h --help' ;;
    'config/check') echo '--home --config -o --output -q --quiet --no-color --timeout -h --help' ;;
    'config/path') echo '--home --config -o --output -q --quiet --no-color --timeout -h --help' ;;
    'init') echo '--home --config -o --output -q --quiet --no-color --timeout -h --help' ;;
    'demo') echo '--input --keep --seed --tasks-max --home --config -o --output -q --quiet --no-color --timeout -h --help' ;;
    'help') echo '--home --config -o --output -q --quiet --no-color --timeout -h --help' ;;
  esac
}

_fnr_values() {
  case $1 in
    ':--home') compgen -d -- "$2" ;;
    ':--config') compgen -f -- "$2" ;;
    ':-o') compgen -W 'table json jsonl name' -- "$2" ;;
    ':--output') compgen -W 'table json jsonl name' -- "$2" ;;
    'status:--home') compgen -d -- "$2" ;;
    'status:--config') compgen -f -- "$2" ;;
    'status:-o') compgen -W 'table json jsonl name' -- "$2" ;;
    'status:--output') compgen -W 'table json jsonl name' -- "$2" ;;
    'submit:-i') compgen -f -- "$2" ;;
    'submit:--input') compgen -f -- "$2" ;;
    'submit:--jsonl') compgen -f -- "$2" ;;
    'submit:--home') compgen -d -- "$2" ;;
    'submit:--config') compgen -f -- "$2" ;;
    'submit:-o') compgen -W 'table json jsonl name' -- "$2" ;;
    'submit:--output') compgen -W 'table json jsonl name' -- "$2" ;;
    'run:--cwd') compgen -d -- "$2" ;;
    'run:--home') compgen -d -- "$2" ;;
    'run:--config') compgen -f -- "$2" ;;
    'run:-o') compgen -W 'table json jsonl name' -- "$2" ;;
    'run:--output') compgen -W 'table json jsonl name' -- "$2" ;;
    'task:--home') compgen -d -- "$2" ;;
    'task:--config') compgen -f -- "$2" ;;
    'task:-o') compgen -W 'table json jsonl name' -- "$2" ;;
    'task:--output') compgen -W 'table json jsonl name' -- "$2" ;;
    'task/list:--home') compgen -d -- "$2" ;;
    'task/list:--config') compgen -f -- "$2" ;;
    'task/list:-o') compgen -W 'table json jsonl name' -- "$2" ;;
    'task/list:--output') compgen -W 'table json jsonl name' -- "$2" ;;
    'task/show:--home') compgen -d -- "$2" ;;
    'task/show:--config') compgen -f -- "$2" ;;
    'task/show:-o') compgen -W 'table json jsonl name' -- "$2" ;;
    'task/show:--output') compgen -W 'table json jsonl name' -- "$2" ;;
    'task/history:--home') compgen -d -- "$2" ;;
    'task/history:--config') compgen -f -- "$2" ;;
    'task/history:-o') compgen -W 'table json jsonl name' -- "$2" ;;
    'task/history:--output') compgen -W 'table json jsonl name' -- "$2" ;;
    'task/wait:--home') compgen -d -- "$2" ;;
    'task/wait:--config') compgen -f -- "$2" ;;
    'task/wait:-o') compgen -W 'table json jsonl name' -- "$2" ;;
    'task/wait:--output') compgen -W 'table json jsonl name' -- "$2" ;;
    'task/cancel:--home') compgen -d -- "$2" ;;
    'task/cancel:--config') compgen -f -- "$2" ;;
    'task/cancel:-o') compgen -W 'table json jsonl name' -- "$2" ;;
    'task/cancel:--output') compgen -W 'table json jsonl name' -- "$2" ;;
    'task/logs:--home') compgen -d -- "$2" ;;
    'task/logs:--config') compgen -f -- "$2" ;;
    'task/logs:-o') compgen -W 'table json jsonl name' -- "$2" ;;
    'task/logs:--output') compgen -W 'table json jsonl name' -- "$2" ;;
    'logs:--home') compgen -d -- "$2" ;;
    'logs:--config') compgen -f -- "$2" ;;
    'logs:-o') compgen -W 'table json jsonl name' -- "$2" ;;
    'logs:--output') compgen -W 'table json jsonl name' -- "$2" ;;
    'dlq:--home') compgen -d -- "$2" ;;
    'dlq:--config') compgen -f -- "$2" ;;
    'dlq:-o') compgen -W 'table json jsonl name' -- "$2" ;;
    'dlq:--output') compgen -W 'table json jsonl name' -- "$2" ;;
    'dlq/list:--home') compgen -d -- "$2" ;;
    'dlq/list:--config') compgen -f -- "$2" ;;
    'dlq/list:-o') compgen -W 'table json jsonl name' -- "$2" ;;
    'dlq/list:--output') compgen -W 'table json jsonl name' -- "$2" ;;
    'dlq/show:--home') compgen -d -- "$2" ;;
    'dlq/show:--config') compgen -f -- "$2" ;;
    'dlq/show:-o') compgen -W 'table json jsonl name' -- "$2" ;;
    'dlq/show:--output') compgen -W 'table json jsonl name' -- "$2" ;;
    'dlq/stats:--home') compgen -d -- "$2" ;;
    'dlq/stats:--config') compgen -f -- "$2" ;;
    'dlq/stats:-o') compgen -W 'table json jsonl name' -- "$2" ;;
    'dlq/stats:--output') compgen -W 'table json jsonl name' -- "$2" ;;
    'dlq/resolve:--home') compgen -d -- "$2" ;;
    'dlq/resolve:--config') compgen -f -- "$2" ;;
    'dlq/resolve:-o') compgen -W 'table json jsonl name' -- "$2" ;;
    'dlq/resolve:--output') compgen -W 'table json jsonl name' -- "$2" ;;
    'dlq/purge:--home') compgen -d -- "$2" ;;
    'dlq/purge:--config') compgen -f -- "$2" ;;
    'dlq/purge:-o') compgen -W 'table json jsonl name' -- "$2" ;;
    'dlq/purge:--output') compgen -W 'table json jsonl name' -- "$2" ;;
    'dlq/replay:--home') compgen -d -- "$2" ;;
    'dlq/replay:--config') compgen -f -- "$2" ;;
    'dlq/replay:-o') compgen -W 'table json jsonl name' -- "$2" ;;
    'dlq/replay:--output') compgen -W 'table json jsonl name' -- "$2" ;;
    'dlq/edit:-i') compgen -f -- "$2" ;;
    'dlq/edit:--input') compgen -f -- "$2" ;;
    'dlq/edit:--home') compgen -d -- "$2" ;;
    'dlq/edit:--config') compgen -f -- "$2" ;;
    'dlq/edit:-o') compgen -W 'table json jsonl name' -- "$2" ;;
    'dlq/edit:--output') compgen -W 'table json jsonl name' -- "$2" ;;
    'dlq/export:--to') compgen -f -- "$2" ;;
    'dlq/export:--home') compgen -d -- "$2" ;;
    'dlq/export:--config') compgen -f -- "$2" ;;
    'dlq/export:-o') compgen -W 'table json jsonl name' -- "$2" ;;
    'dlq/export:--output') compgen -W 'table json jsonl name' -- "$2" ;;
    'dlq/import:--home') compgen -d -- "$2" ;;
    'dlq/import:--config') compgen -f -- "$2" ;;
    'dlq/import:-o') compgen -W 'table json jsonl name' -- "$2" ;;
    'dlq/import:--output') compgen -W 'table json jsonl name' -- "$2" ;;
    'function:--home') compgen -d -- "$2" ;;
    'function:--config') compgen -f -- "$2" ;;
    'function:-o') compgen -W 'table json jsonl name' -- "$2" ;;
    'function:--output') compgen -W 'table json jsonl name' -- "$2" ;;
    'function/list:--home') compgen -d -- "$2" ;;
    'function/list:--config') compgen -f -- "$2" ;;
    'function/list:-o') compgen -W 'table json jsonl name' -- "$2" ;;
    'function/list:--output') compgen -W 'table json jsonl name' -- "$2" ;;
    'function/show:--home') compgen -d -- "$2" ;;
    'function/show:--config') compgen -f -- "$2" ;;
    'function/show:-o') compgen -W 'table json jsonl name' -- "$2" ;;
    'function/show:--output') compgen -W 'table json jsonl name' -- "$2" ;;
    'function/pause:--home') compgen -d -- "$2" ;;
    'function/pause:--config') compgen -f -- "$2" ;;
    'function/pause:-o') compgen -W 'table json jsonl name' -- "$2" ;;
    'function/pause:--output') compgen -W 'table json jsonl name' -- "$2" ;;
    'function/resume:--home') compgen -d -- "$2" ;;
    'function/resume:--config') compgen -f -- "$2" ;;
    'function/resume:-o') compgen -W 'table json jsonl name' -- "$2" ;;
    'function/resume:--output') compgen -W 'table json jsonl name' -- "$2" ;;
    'worker:--home') compgen -d -- "$2" ;;
    'worker:--config') compgen -f -- "$2" ;;
    'worker:-o') compgen -W 'table json jsonl name' -- "$2" ;;
    'worker:--output') compgen -W 'table json jsonl name' -- "$2" ;;
    'worker/list:--home') compgen -d -- "$2" ;;
    'worker/list:--config') compgen -f -- "$2" ;;
    'worker/list:-o') compgen -W 'table json jsonl name' -- "$2" ;;
    'worker/list:--output') compgen -W 'table json jsonl name' -- "$2" ;;
    'worker/show:--home') compgen -d -- "$2" ;;
    'worker/show:--config') compgen -f -- "$2" ;;
    'worker/show:-o') compgen -W 'table json jsonl name' -- "$2" ;;
    'worker/show:--output') compgen -W 'table json jsonl name' -- "$2" ;;
    'worker/restart:--home') compgen -d -- "$2" ;;
    'worker/restart:--config') compgen -f -- "$2" ;;
    'worker/restart:-o') compgen -W 'table json jsonl name' -- "$2" ;;
    'worker/restart:--output') compgen -W 'table json jsonl name' -- "$2" ;;
    'worker/stop:--home') compgen -d -- "$2" ;;
    'worker/stop:--config') compgen -f -- "$2" ;;
    'worker/stop:-o') compgen -W 'table json jsonl name' -- "$2" ;;
    'worker/stop:--output') compgen -W 'table json jsonl name' -- "$2" ;;
    'daemon:--log-file') compgen -f -- "$2" ;;
    'daemon:--home') compgen -d -- "$2" ;;
    'daemon:--config') compgen -f -- "$2" ;;
    'daemon:-o') compgen -W 'table json jsonl name' -- "$2" ;;
    'daemon:--output') compgen -W 'table json jsonl name' -- "$2" ;;
    'daemon/start:--home') compgen -d -- "$2" ;;
    'daemon/start:--config') compgen -f -- "$2" ;;
    'daemon/start:-o') compgen -W 'table json jsonl name' -- "$2" ;;
    'daemon/start:--output') compgen -W 'table json jsonl name' -- "$2" ;;
    'daemon/stop:--home') compgen -d -- "$2" ;;
    'daemon/stop:--config') compgen -f -- "$2" ;;
    'daemon/stop:-o') compgen -W 'table json jsonl name' -- "$2" ;;
    'daemon/stop:--output') compgen -W 'table json jsonl name' -- "$2" ;;
    'daemon/restart:--home') compgen -d -- "$2" ;;
    'daemon/restart:--config') compgen -f -- "$2" ;;
    'daemon/restart:-o') compgen -W 'table json jsonl name' -- "$2" ;;
    'daemon/restart:--output') compgen -W 'table json jsonl name' -- "$2" ;;
    'daemon/reload:--home') compgen -d -- "$2" ;;
    'daemon/reload:--config') compgen -f -- "$2" ;;
    'daemon/reload:-o') compgen -W 'table json jsonl name' -- "$2" ;;
    'daemon/reload:--output') compgen -W 'table json jsonl name' -- "$2" ;;
    'daemon/status:--home') compgen -d -- "$2" ;;
    'daemon/status:--config') compgen -f -- "$2" ;;
    'daemon/status:-o') compgen -W 'table json jsonl name' -- "$2" ;;
    'daemon/status:--output') compgen -W 'table json jsonl name' -- "$2" ;;
    'db:--home') compgen -d -- "$2" ;;
    'db:--config') compgen -f -- "$2" ;;
    'db:-o') compgen -W 'table json jsonl name' -- "$2" ;;
    'db:--output') compgen -W 'table json jsonl name' -- "$2" ;;
    'db/check:--home') compgen -d -- "$2" ;;
    'db/check:--config') compgen -f -- "$2" ;;
    'db/check:-o') compgen -W 'table json jsonl name' -- "$2" ;;
    'db/check:--output') compgen -W 'table json jsonl name' -- "$2" ;;
    'db/stats:--home') compgen -d -- "$2" ;;
    'db/stats:--config') compgen -f -- "$2" ;;
    'db/stats:-o') compgen -W 'table json jsonl name' -- "$2" ;;
    'db/stats:--output') compgen -W 'table json jsonl name' -- "$2" ;;
    'db/backup:--home') compgen -d -- "$2" ;;
    'db/backup:--config') compgen -f -- "$2" ;;
    'db/backup:-o') compgen -W 'table json jsonl name' -- "$2" ;;
    'db/backup:--output') compgen -W 'table json jsonl name' -- "$2" ;;
    'db/restore:--home') compgen -d -- "$2" ;;
    'db/restore:--config') compgen -f -- "$2" ;;
    'db/restore:-o') compgen -W 'table json jsonl name' -- "$2" ;;
    'db/restore:--output') compgen -W 'table json jsonl name' -- "$2" ;;
    'db/vacuum:--home') compgen -d -- "$2" ;;
    'db/vacuum:--config') compgen -f -- "$2" ;;
    'db/vacuum:-o') compgen -W 'table json jsonl name' -- "$2" ;;
    'db/vacuum:--output') compgen -W 'table json jsonl name' -- "$2" ;;
    'config:--home') compgen -d -- "$2" ;;
    'config:--config') compgen -f -- "$2" ;;
    'config:-o') compgen -W 'table json jsonl name' -- "$2" ;;
    'config:--output') compgen -W 'table json jsonl name' -- "$2" ;;
    'config/show:--home') compgen -d -- "$2" ;;
    'config/show:--config') compgen -f -- "$2" ;;
    'config/show:-o') compgen -W 'table json jsonl name' -- "$2" ;;
    'config/show:--output') compgen -W 'table json jsonl name' -- "$2" ;;
    'config/check:--home') compgen -d -- "$2" ;;
    'config/check:--config') compgen -f -- "$2" ;;
    'config/check:-o') compgen -W 'table json jsonl name' -- "$2" ;;
    'config/check:--output') compgen -W 'table json jsonl name' -- "$2" ;;
    'config/path:--home') compgen -d -- "$2" ;;
    'config/path:--config') compgen -f -- "$2" ;;
    'config/path:-o') compgen -W 'table json jsonl name' -- "$2" ;;
    'config/path:--output') compgen -W 'table json jsonl name' -- "$2" ;;
    'init:--home') compgen -d -- "$2" ;;
    'init:--config') compgen -f -- "$2" ;;
    'init:-o') compgen -W 'table json jsonl name' -- "$2" ;;
    'init:--output') compgen -W 'table json jsonl name' -- "$2" ;;
    'demo:--input') compgen -d -- "$2" ;;
    'demo:--home') compgen -d -- "$2" ;;
    'demo:--config') compgen -f -- "$2" ;;
    'demo:-o') compgen -W 'table json jsonl name' -- "$2" ;;
    'demo:--output') compgen -W 'table json jsonl name' -- "$2" ;;
    'help:--home') compgen -d -- "$2" ;;
    'help:--config') compgen -f -- "$2" ;;
    'help:-o') compgen -W 'table json jsonl name' -- "$2" ;;
    'help:--output') compgen -W 'table json jsonl name' -- "$2" ;;
  esac
}

_fnr() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} path='' word next i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    case $word in
      --) mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
      --after|--at|--config|--cwd|--delay|--env|--expires|--for|--function|--home|--input|--jsonl|--key|--limit|--lines|--log-file|--log-format|--log-level|--memory|--name|--nice|--output|--priority|--rate|--reason|--retries|--seed|--set|--since|--tag|--tasks-max|--timeout|--to|--unique|--where|--within|-f|-i|-n|-o|-p) ((i++)) ;;
      -*) ;;
      *)
        next=${path:+$path/}$word
        [[ " $(_fnr_commands "$path") " == *" $word "* ]] && path=$next ;;
    esac
  done
  case $prev in
    --after|--at|--config|--cwd|--delay|--env|--expires|--for|--function|--home|--input|--jsonl|--key|--limit|--lines|--log-file|--log-format|--log-level|--memory|--name|--nice|--output|--priority|--rate|--reason|--retries|--seed|--set|--since|--tag|--tasks-max|--timeout|--to|--unique|--where|--within|-f|-i|-n|-o|-p)
      mapfile -t COMPREPLY < <(_fnr_values "$path:$prev" "$cur"); return ;;
  esac
  if [[ $cur == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$(_fnr_flags "$path")" -- "$cur")
  else
    mapfile -t COMPREPLY < <(compgen -W "$(_fnr_commands "$path")" -- "$cur")
  fi
}
complete -o default -F _fnr fnr
