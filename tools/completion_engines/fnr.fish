# Where this home keeps its state; the same places as in fnr/config/paths.py.
function __fnr_state
    set -l home $argv[1]
    test -n "$home"; or set home $FNR_HOME
    if test -n "$home"
        echo (string replace -r '^~(?=/|$)' -- $HOME $home)/state
    else if test (id -u) = 0
        echo /var/lib/fnr
    else if test -n "$XDG_STATE_HOME"
        echo $XDG_STATE_HOME/fnr
    else
        echo $HOME/.local/state/fnr
    end
end

# Offer everything behind the first two arguments; what begins with @ is looked up.
function __fnr_offer
    set -l lead $argv[1]
    set -l typed $argv[2]
    for mark in $argv[4..-1]
        switch $mark
            case @files
                __fish_complete_path $typed | string replace -r '^' -- $lead
            case @dirs
                __fish_complete_directories $typed | string replace -r '^' -- $lead
            case @commands
                __fish_complete_command
            case @drills
                for record in $argv[3]/chaos/active/*/record.json
                    echo $lead(string split -r -m 2 / -- $record)[2]
                end
            case @scores
                for file in $argv[3]/chaos/scores/*.json
                    echo $lead(string replace -r '^.*/(.*)\.json$' '$1' -- $file)
                end
            case '@*'
                set -l file $argv[3]/words/(string sub -s 2 -- $mark)
                if test -f $file -a -r $file
                    if string match -q -r -- '^[\w:/.-]+$' "$typed"
                        string match -i -- "*$typed*" <$file | string replace -r '^' -- $lead
                    else
                        string replace -r '^' -- $lead <$file
                    end
                end
            case '*:' '*:*'
                # a field of the filter language, and then its values
                string match -q '*:*' -- $typed
                and set -l wanted '*:?*'
                or set -l wanted '*:'
                string match -- $wanted $lead$mark
            case '*'
                echo $lead$mark
        end
    end
end

function __fnr_complete
    set -l words (commandline -opc)
    set -l cur (commandline -ct)
    set -e words[1]
    set -l at ''
    set -l before ''
    set -l home ''
    set -l given 1
    set -l literal 0
    for word in $words
        if test -n "$before"
            test "$before" = --home; and set home $word
            set before ''
        else if test "$literal $word" = '0 --'
            set literal 1
        else if test $literal = 0; and string match -q -- '--*=*' $word
            string match -q -- '--home=*' $word
            and set home (string replace -- '--home=' '' $word)
        else if test $literal = 0; and string match -q -- '-?*' $word
            __fnr_value "$at:$word" >/dev/null; and set before $word
        else if __fnr_below "$at" | string match -q -r -- '^'(string escape --style=regex -- $word)'\t'
            test -n "$at"; and set at $at/$word; or set at $word
        else
            set given (math $given + 1)
        end
    end
    set -l state (__fnr_state "$home")
    if test -n "$before"
        __fnr_offer '' "$cur" $state (__fnr_value "$at:$before")
    else if test $literal = 0; and string match -q -- '--*=*' $cur
        set -l parts (string split -m 1 = -- $cur)
        __fnr_offer $parts[1]= "$parts[2]" $state (__fnr_value "$at:$parts[1]")
    else if test $literal = 0; and string match -q -- '-*' $cur
        __fnr_flags "$at"
    else if __fnr_below "$at" | string length -q
        __fnr_below "$at"
    else
        set -l found (__fnr_arguments "$at")
        if test "$found[-1]" = '*'
            set -e found[-1]
            test $given -gt (count $found); and set given (count $found)
            test "$at" = run -a (count $words) -gt 2; and set found @files
        end
        __fnr_offer '' "$cur" $state (string split -n ' ' -- $found[$given])
    end
end
complete -c fnr -f -a '(__fnr_complete)'
