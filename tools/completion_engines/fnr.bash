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
