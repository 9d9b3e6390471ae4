# Made by tools/make_docs.py from the command line itself; do not edit.
function __fnr_below
    switch $argv[1]
        case ''
            printf '%s\t%s\n' 'status' 'The daemon, its functions, what needs attention' 'submit' 'Hand over tasks of a function' 'run' 'Run any command as a supervised task and end with its exit code' 'task' 'Tasks: list, show, history, wait, cancel, logs' 'logs' 'What functions and tasks have printed' 'dlq' 'Dead letters: list, show, stats, replay, edit, resolve, purge, …' 'replay' 'Replays of dead letters: list, show, pause, resume, cancel' 'errors' 'Errors and incidents: list, explain, groups, tail, snooze, …' 'rules' 'Rules that name errors: list, test, suggest, add, edit, stats, …' 'function' 'Functions: list, show, pause, resume' 'worker' 'Workers: list, show, restart, stop' 'tui' 'Look at everything on one terminal, and act on it' 'daemon' 'The daemon: run it, start, stop, restart, reload' 'db' 'The store: check, stats, backup, restore, vacuum' 'config' 'The settings: show, check, path' 'chaos' 'Break things on purpose, and be told the score: inject, drill, …' 'init' 'Write a commented fnr.toml that works' 'completion' 'Completion in bash, zsh and fish: install, show' 'demo' 'See it all at work on this machine, in a minute' 'help' 'Help on a topic: exit-codes, environment, filters, output, …'
        case 'task'
            printf '%s\t%s\n' 'list' 'List tasks, newest first' 'show' 'Show one task: state, input, result, last error' 'history' 'Tell what happened to a task, in order: attempts, errors, decisions and why' 'wait' 'Wait until all of them have ended; exit code 0 if all are done, 1 if not' 'cancel' 'Cancel tasks: those that wait at once, those that run by stopping them' 'logs' 'Show what a task\'s attempts have printed; with -f until the task has ended'
        case 'dlq'
            printf '%s\t%s\n' 'list' 'List dead letters, newest first; open ones unless the filter names a state' 'show' 'Show one dead letter: why it died, its input, its errors, what can be done' 'stats' 'Count open dead letters by function, category and cause' 'resolve' 'Put letters to rest without a replay; they are kept until purged' 'purge' 'Delete resolved letters and their tasks, inputs and errors; there is no way back' 'replay' 'Put dead letters back into the queue with fresh budgets of attempts' 'edit' 'Change the input of a dead letter\'s task: in $EDITOR, or with --set or --input' 'export' 'Write dead letters as JSON lines, with input, attempts, errors and decisions' 'import' 'Take over exported dead letters under their own ids; ids that exist already are refused'
        case 'replay'
            printf '%s\t%s\n' 'list' 'List replays, newest first' 'show' 'Show one replay: its limits, how far it is, and why letters did not come home' 'pause' 'Put nothing more back; tasks that are back already go on' 'resume' 'Go on, also after a stop; with --rate or --concurrency (or off, 0) a running one too' 'cancel' 'Give replays up for good: what was not put back stays a dead letter'
        case 'errors'
            printf '%s\t%s\n' 'list' 'List errors, newest first' 'show' 'Show one error with all it left behind, or one incident' 'explain' 'Explain an error: evidence, rule, words, strategy, every number and where it came from' 'groups' 'List incidents, latest error first; open ones unless the filter names a state' 'similar' 'List the incidents that share most with one, the nearest first' 'tail' 'Show errors as they happen, until Ctrl-C' 'ack' 'Say that you have seen incidents; ends a snooze' 'snooze' 'Leave incidents alone for a while; their errors go on being counted' 'resolve' 'Say that incidents are over; the next error opens them again, as regressed' 'reclassify' 'Say what errors are; the classification they were given stays on record beside it'
        case 'rules'
            printf '%s\t%s\n' 'list' 'List all rules by name; those of rules.d come before the packs, as they decide' 'show' 'Show one rule as its file says it, with its examples' 'check' 'Check packs and rules.d, with every example: all mistakes at once; exit 78 if there are any' 'test' 'Say which rule names an error, which words decide, and what would follow' 'eval' 'Measure the rules on errors whose category is known; unknown counts as wrong' 'reload' 'Put rules.d and fnr.toml in force as they are now: all of it, or nothing at all' 'suggest' 'Suggest rules for errors that no rule named, and for those that you reclassified' 'add' 'Add a rule to rules.d; all conditions that are given must hold' 'edit' 'Edit a rule file of rules.d in $VISUAL or $EDITOR; without FILE the only one, or local' 'enable' 'Switch rules on again that `fnr rules disable` switched off' 'disable' 'Switch rules off, shipped ones too; kept in rules.d, so an upgrade does not undo it' 'stats' 'Count what rules decided: hits, the last one, and how often a person disagreed' 'learn' 'Teach the text model the errors that you reclassified, as a layer above fnr\'s own model'
        case 'function'
            printf '%s\t%s\n' 'list' 'List functions with their workers and tasks' 'show' 'Show one function: its settings, its workers, its tasks' 'pause' 'Start no more attempts of these functions; running ones go on, tasks are still accepted' 'resume' 'Start attempts again'
        case 'worker'
            printf '%s\t%s\n' 'list' 'List workers' 'show' 'Show one worker' 'restart' 'Replace workers after their running attempt, or at once with --now' 'stop' 'Stop workers; they are replaced when there is work again'
        case 'daemon'
            printf '%s\t%s\n' 'start' 'Start the daemon in the background and wait until it answers' 'stop' 'Stop the daemon; workers go on with what they run and the next daemon adopts them' 'restart' 'Stop the daemon and start it again; running work is neither ended nor repeated' 'reload' 'Make a changed fnr.toml count; one with mistakes changes nothing and says which' 'status' 'Show the daemon, its functions and what needs attention'
        case 'db'
            printf '%s\t%s\n' 'check' 'Check SQLite\'s integrity and fnr\'s invariants across tables; exit code 1 if one is broken' 'stats' 'Show the sizes of the files and the number of rows' 'backup' 'Write a copy of the store, consistent, while the daemon runs; checked after writing' 'restore' 'Put a backup in the store\'s place; the store of before is kept beside it' 'vacuum' 'Give the space of deleted rows back to the disk; the daemon must be stopped'
        case 'config'
            printf '%s\t%s\n' 'show' 'Show every setting that is in force, defaults included; secrets in env are hidden' 'check' 'Check fnr.toml: all mistakes at once, each with its line; exit code 78 if there are any' 'path' 'Show where everything is, and what decided that'
        case 'chaos'
            printf '%s\t%s\n' 'faults' 'List what can be broken: how far it goes, what it risks, how it ends' 'inject' 'Begin one fault on the running daemon; it ends by itself' 'list' 'List faults that act now; works without the daemon' 'abort' 'End faults now and put everything right; works without the daemon' 'drill' 'Break many things at once on a throwaway home and print the score beside what is demanded' 'score' 'Show the score of a drill, or hold it against an earlier one' 'scenarios' 'List what `fnr chaos drill` can play' 'proxy' 'Forward a port on loopback to a service until Ctrl-C, for faults to act on'
        case 'completion'
            printf '%s\t%s\n' 'show' 'Print the completion script of a shell' 'install' 'Put the script where your shell finds it; changes none of your shell\'s own files'
    end
end

function __fnr_flags
    switch $argv[1]
        case ''
            printf '%s\t%s\n' '--version' 'The version, nothing else.' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'status'
            printf '%s\t%s\n' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'submit'
            printf '%s\t%s\n' '-i' 'The input as a JSON object.' '--input' 'The input as a JSON object.' '--jsonl' 'Many tasks: a line is an input, or without FUNCTION a task with all its fields.' '--atomic' 'With --jsonl: all lines or none.' '-p' '10 goes first.' '--priority' '10 goes first.' '--delay' 'Not before, from now: 10m.' '--at' 'Not before: 2026-01-31T18:00, 18:00 is today.' '--timeout' 'Longest an attempt may take: 10m.' '--expires' 'A dead letter if not begun by then.' '--unique' 'While a live task has it, that task it is.' '--key' 'Idempotency key: submitting twice is once.' '--tag' 'A tag; may be repeated.' '--retries' 'Instead of the function\'s.' '-w' 'Wait: exit 0 if done, 1 if dead or cancelled.' '--wait' 'Wait: exit 0 if done, 1 if dead or cancelled.' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'run'
            printf '%s\t%s\n' '-d' 'Print the task\'s id and leave it running.' '--detach' 'Print the task\'s id and leave it running.' '--name' 'A tag `name`, to find it by.' '--retries' 'After a failure that may pass.' '--timeout' 'Longest an attempt may take: 10m.' '--memory' 'Most it may use: 16GiB.' '--cwd' 'Its folder; yours by default.' '--env' 'A variable; may be repeated.' '--nice' '19 yields to all others.' '--tag' 'A tag; may be repeated.' '-p' '10 goes first.' '--priority' '10 goes first.' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'task'
            printf '%s\t%s\n' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'task/list'
            printf '%s\t%s\n' '--where' 'Only these; see `fnr help filters`.' '-n' 'At most this many; 0 is all.' '--limit' 'At most this many; 0 is all.' '--after' 'Go on behind a page\'s `next`.' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'task/show'
            printf '%s\t%s\n' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'task/history'
            printf '%s\t%s\n' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'task/wait'
            printf '%s\t%s\n' '--for' 'Give up after this long, with exit code 124.' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'task/cancel'
            printf '%s\t%s\n' '--where' 'Only these; see `fnr help filters`.' '--reason' 'Kept on record.' '-y' 'Do not ask.' '--yes' 'Do not ask.' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'task/logs'
            printf '%s\t%s\n' '-f' 'Go on as it is printed.' '--follow' 'Go on as it is printed.' '-n' 'Only the last so many lines; 0 is all.' '--lines' 'Only the last so many lines; 0 is all.' '--since' 'Nothing older: 10m, 2026-01-31T18:00.' '-t' 'When each line was printed, where it is known.' '--timestamps' 'When each line was printed, where it is known.' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'logs'
            printf '%s\t%s\n' '-f' 'Go on as it is printed.' '--follow' 'Go on as it is printed.' '-n' 'Only the last so many lines; 0 is all.' '--lines' 'Only the last so many lines; 0 is all.' '--since' 'Nothing older: 10m, 2026-01-31T18:00.' '-t' 'When each line was printed, where it is known.' '--timestamps' 'When each line was printed, where it is known.' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'dlq'
            printf '%s\t%s\n' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'dlq/list'
            printf '%s\t%s\n' '--where' 'Only these; see `fnr help filters`.' '-n' 'At most this many; 0 is all.' '--limit' 'At most this many; 0 is all.' '--after' 'Go on behind a page\'s `next`.' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'dlq/show'
            printf '%s\t%s\n' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'dlq/stats'
            printf '%s\t%s\n' '--where' 'Only these; see `fnr help filters`.' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'dlq/resolve'
            printf '%s\t%s\n' '--where' 'Only these; see `fnr help filters`.' '--reason' 'Kept on record.' '-y' 'Do not ask.' '--yes' 'Do not ask.' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'dlq/purge'
            printf '%s\t%s\n' '--where' 'Only these; see `fnr help filters`.' '--open' 'Also letters that nobody has resolved: lost for good.' '-y' 'Do not ask.' '--yes' 'Do not ask.' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'dlq/replay'
            printf '%s\t%s\n' '--where' 'Only these; see `fnr help filters`.' '--all' 'Every open dead letter.' '-n' 'Only say what would happen.' '--dry-run' 'Only say what would happen.' '-y' 'Do not ask.' '--yes' 'Do not ask.' '--canary' 'Try N first; go on if they come home.' '--rate' 'No faster than this: 5/s, 100/m.' '--ramp' 'Begin with a tenth and reach the rate in: 10m.' '--concurrency' 'At most so many live at once (1000).' '--stop-on-failures' 'Stop when so many died again.' '--order' 'Who goes first.' '--keep-order-by' 'tag.NAME or input.NAME: equal ones one by one.' '-w' 'Wait until all have ended; exit 1 unless all done.' '--wait' 'Wait until all have ended; exit 1 unless all done.' '-d' 'Print the task\'s id and leave it running.' '--detach' 'Print the task\'s id and leave it running.' '--reason' 'Kept on record.' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'dlq/edit'
            printf '%s\t%s\n' '--set' 'Change one value; may be repeated.' '-i' 'The input as a JSON object.' '--input' 'The input as a JSON object.' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'dlq/export'
            printf '%s\t%s\n' '--where' 'Only these; see `fnr help filters`.' '--to' 'A new file instead of stdout.' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'dlq/import'
            printf '%s\t%s\n' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'replay'
            printf '%s\t%s\n' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'replay/list'
            printf '%s\t%s\n' '--active' 'Only those that have not ended.' '-n' 'At most this many; 0 is all.' '--limit' 'At most this many; 0 is all.' '--after' 'Go on behind a page\'s `next`.' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'replay/show'
            printf '%s\t%s\n' '--letters' 'List its letters in this state, with the reasons.' '-w' 'Wait until it has ended; exit 1 unless done.' '--wait' 'Wait until it has ended; exit 1 unless done.' '-n' 'At most this many; 0 is all.' '--limit' 'At most this many; 0 is all.' '--after' 'Go on behind a page\'s `next`.' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'replay/pause'
            printf '%s\t%s\n' '--reason' 'Kept on record.' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'replay/resume'
            printf '%s\t%s\n' '--rate' 'No faster than this: 5/s, 100/m.' '--concurrency' 'At most so many live at once (1000).' '--reason' 'Kept on record.' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'replay/cancel'
            printf '%s\t%s\n' '--reason' 'Kept on record.' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'errors'
            printf '%s\t%s\n' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'errors/list'
            printf '%s\t%s\n' '--where' 'Only these; see `fnr help filters`.' '--since' 'Nothing older: 10m, 2026-01-31T18:00.' '-n' 'At most this many; 0 is all.' '--limit' 'At most this many; 0 is all.' '--after' 'Go on behind a page\'s `next`.' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'errors/show'
            printf '%s\t%s\n' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'errors/explain'
            printf '%s\t%s\n' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'errors/groups'
            printf '%s\t%s\n' '--where' 'Only these; see `fnr help filters`.' '--since' 'Nothing older: 10m, 2026-01-31T18:00.' '--all' 'Also snoozed and resolved ones.' '-n' 'At most this many; 0 is all.' '--limit' 'At most this many; 0 is all.' '--after' 'Go on behind a page\'s `next`.' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'errors/similar'
            printf '%s\t%s\n' '-n' 'At most this many; 0 is all.' '--limit' 'At most this many; 0 is all.' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'errors/tail'
            printf '%s\t%s\n' '--where' 'Only these; see `fnr help filters`.' '-n' 'Begin with the last so many errors.' '--lines' 'Begin with the last so many errors.' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'errors/ack'
            printf '%s\t%s\n' '--reason' 'Kept on record.' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'errors/snooze'
            printf '%s\t%s\n' '--for' 'How long: 2h, 1d12h.' '--reason' 'Kept on record.' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'errors/resolve'
            printf '%s\t%s\n' '--reason' 'Kept on record.' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'errors/reclassify'
            printf '%s\t%s\n' '--category' 'transient, resource, validation, permanent, unknown.' '--why' 'Kept on record.' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'rules'
            printf '%s\t%s\n' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'rules/list'
            printf '%s\t%s\n' '-c' 'Only rules of this category.' '--category' 'Only rules of this category.' '--own' 'Only rules of rules.d.' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'rules/show'
            printf '%s\t%s\n' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'rules/check'
            printf '%s\t%s\n' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'rules/test'
            printf '%s\t%s\n' '--exception' 'Its qualified type.' '--exit' 'Exit status of the process.' '--signal' 'What ended it: SIGKILL, 9.' '--http' 'HTTP status.' '--code' 'A code, like errno:ENOSPC.' '--stderr' 'The end of what it wrote.' '--traceback' 'The exception\'s traceback.' '--killed-by' 'timeout, oom, hang, ….' '--phase' 'import, start, run or result.' '--function' 'As if this function had failed.' '--rules' 'A draft, as if it were in rules.d.' '--no-model' 'Rules only, without the text model.' '--against-history' 'Name past errors: 7d.' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'rules/eval'
            printf '%s\t%s\n' '-n' 'Show so many wrong ones; 0 is all.' '--limit' 'Show so many wrong ones; 0 is all.' '--no-model' 'Rules only, without the text model.' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'rules/reload'
            printf '%s\t%s\n' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'rules/suggest'
            printf '%s\t%s\n' '--since' 'Look at no older errors: 30d.' '--min-hits' 'Leave out what happened less often.' '--apply' 'Write those whose category a person gave.' '-n' 'Only say what would happen.' '--dry-run' 'Only say what would happen.' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'rules/add'
            printf '%s\t%s\n' '--category' 'transient, resource, validation, permanent.' '--text' 'Words in message or last output; may be repeated.' '--exception' 'Type, * is anything; may be repeated.' '--code' 'http:503, errno:ENOSPC; may be repeated.' '--exit' 'Exit status.' '--signal' 'What ended it: SIGKILL.' '--hint' 'What to do then.' '--max-retries' 'For such failures.' '--test' 'A message that it must decide; may be repeated.' '-n' 'Only say what would happen.' '--dry-run' 'Only say what would happen.' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'rules/edit'
            printf '%s\t%s\n' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'rules/enable'
            printf '%s\t%s\n' '-n' 'Only say what would happen.' '--dry-run' 'Only say what would happen.' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'rules/disable'
            printf '%s\t%s\n' '-n' 'Only say what would happen.' '--dry-run' 'Only say what would happen.' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'rules/stats'
            printf '%s\t%s\n' '--never' 'Only rules that never decided.' '--own' 'Only rules of rules.d.' '-n' 'At most; 0 is all.' '--limit' 'At most; 0 is all.' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'rules/learn'
            printf '%s\t%s\n' '--reset' 'Forget all that was learnt, and learn nothing.' '-n' 'Only say what would happen.' '--dry-run' 'Only say what would happen.' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'function'
            printf '%s\t%s\n' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'function/list'
            printf '%s\t%s\n' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'function/show'
            printf '%s\t%s\n' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'function/pause'
            printf '%s\t%s\n' '--reason' 'Kept on record.' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'function/resume'
            printf '%s\t%s\n' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'worker'
            printf '%s\t%s\n' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'worker/list'
            printf '%s\t%s\n' '-f' 'Only of this function.' '--function' 'Only of this function.' '--gone' 'Also the latest that ended.' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'worker/show'
            printf '%s\t%s\n' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'worker/restart'
            printf '%s\t%s\n' '--now' 'Interrupt the running attempt; it is put back.' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'worker/stop'
            printf '%s\t%s\n' '--now' 'Interrupt the running attempt; it is put back.' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'tui'
            printf '%s\t%s\n' '--read-only' 'Nothing can be changed from there.' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'daemon'
            printf '%s\t%s\n' '--log-level' 'debug, info, warning, error.' '--log-format' 'text or json.' '--log-file' 'Instead of stderr; rotated.' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'daemon/start'
            printf '%s\t%s\n' '--within' 'How long to wait for it; then exit 124.' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'daemon/stop'
            printf '%s\t%s\n' '--drain' 'First let running attempts finish.' '--now' 'Interrupt running attempts; they are put back at no cost.' '--within' 'How long to wait for it; then exit 124.' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'daemon/restart'
            printf '%s\t%s\n' '--drain' 'First let running attempts finish.' '--now' 'Interrupt running attempts; they are put back at no cost.' '--within' 'How long to wait for it; then exit 124.' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'daemon/reload'
            printf '%s\t%s\n' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'daemon/status'
            printf '%s\t%s\n' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'db'
            printf '%s\t%s\n' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'db/check'
            printf '%s\t%s\n' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'db/stats'
            printf '%s\t%s\n' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'db/backup'
            printf '%s\t%s\n' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'db/restore'
            printf '%s\t%s\n' '-y' 'Do not ask.' '--yes' 'Do not ask.' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'db/vacuum'
            printf '%s\t%s\n' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'config'
            printf '%s\t%s\n' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'config/show'
            printf '%s\t%s\n' '--origin' 'Also where each comes from: file and line, env, flag.' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'config/check'
            printf '%s\t%s\n' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'config/path'
            printf '%s\t%s\n' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'chaos'
            printf '%s\t%s\n' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'chaos/faults'
            printf '%s\t%s\n' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'chaos/inject'
            printf '%s\t%s\n' '--duration' 'Longest it may act: 30s.' '--reason' 'Kept on record.' '--where' 'What it hits; see `fnr help filters`.' '--set' 'An option of it.' '--times' 'How often it may hit one task.' '--workers' 'How many workers it may hit.' '-n' 'Only say what would happen.' '--dry-run' 'Only say what would happen.' '-y' 'Do not ask.' '--yes' 'Do not ask.' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'chaos/list'
            printf '%s\t%s\n' '--past' 'Also those that are over.' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'chaos/abort'
            printf '%s\t%s\n' '--all' 'Whatever acts now.' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'chaos/drill'
            printf '%s\t%s\n' '--scenario' 'See `fnr chaos scenarios`.' '--seed' 'Decides which errors come, in which order.' '--concurrent' 'So many error scenarios at once.' '--live' 'On the running daemon, inside of canary tasks only.' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'chaos/score'
            printf '%s\t%s\n' '--against' 'An earlier one: exit 1 on any regression.' '--all' 'List all that are kept.' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'chaos/scenarios'
            printf '%s\t%s\n' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'chaos/proxy'
            printf '%s\t%s\n' '--listen' 'Port on loopback.' '--upstream' 'The service itself.' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'init'
            printf '%s\t%s\n' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'completion'
            printf '%s\t%s\n' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'completion/show'
            printf '%s\t%s\n' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'completion/install'
            printf '%s\t%s\n' '--shell' 'bash, zsh or fish; yours by default.' '-n' 'Only say what would happen.' '--dry-run' 'Only say what would happen.' '-y' 'Do not ask.' '--yes' 'Do not ask.' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'demo'
            printf '%s\t%s\n' '--input' 'Work on the files of this folder.' '--keep' 'Leave the home, with its daemon running.' '--seed' 'Decides which files are taken and what goes wrong.' '--tasks-max' 'About so many tasks at most.' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
        case 'help'
            printf '%s\t%s\n' '--home' 'config, state, socket and logs under one folder (or in FNR_HOME)' '--config' 'another fnr.toml (or in FNR_CONFIG)' '-o' 'table, json, jsonl or name' '--output' 'table, json, jsonl or name' '-q' 'no hints and notices on stderr' '--quiet' 'no hints and notices on stderr' '--no-color' 'no colour (or in NO_COLOR)' '--timeout' 'how long to wait for the daemon\'s answers (10s); exit 124 after it' '-h' 'what a command does, with examples' '--help' 'what a command does, with examples'
    end
end

function __fnr_arguments
    switch $argv[1]
        case 'submit'
            printf '%s\n' '@functions' '' '*'
        case 'run'
            printf '%s\n' '@commands @files' '*'
        case 'task/show'
            printf '%s\n' '@tasks'
        case 'task/history'
            printf '%s\n' '@tasks'
        case 'task/wait'
            printf '%s\n' '@tasks' '*'
        case 'task/cancel'
            printf '%s\n' '@tasks' '*'
        case 'task/logs'
            printf '%s\n' '@tasks'
        case 'logs'
            printf '%s\n' '@functions @tasks'
        case 'dlq/show'
            printf '%s\n' '@letters'
        case 'dlq/resolve'
            printf '%s\n' '@letters' '*'
        case 'dlq/purge'
            printf '%s\n' '@letters' '*'
        case 'dlq/replay'
            printf '%s\n' '@letters' '*'
        case 'dlq/edit'
            printf '%s\n' '@letters'
        case 'dlq/import'
            printf '%s\n' '@files'
        case 'replay/show'
            printf '%s\n' '@replays'
        case 'replay/pause'
            printf '%s\n' '@replays' '*'
        case 'replay/resume'
            printf '%s\n' '@replays' '*'
        case 'replay/cancel'
            printf '%s\n' '@replays' '*'
        case 'errors/show'
            printf '%s\n' '@errors @tasks'
        case 'errors/explain'
            printf '%s\n' '@errors @incidents @tasks'
        case 'errors/similar'
            printf '%s\n' '@errors @incidents @tasks'
        case 'errors/ack'
            printf '%s\n' '@incidents' '*'
        case 'errors/snooze'
            printf '%s\n' '@incidents' '*'
        case 'errors/resolve'
            printf '%s\n' '@incidents' '*'
        case 'errors/reclassify'
            printf '%s\n' '@errors @incidents @tasks' '*'
        case 'rules/list'
            printf '%s\n' '' '*'
        case 'rules/show'
            printf '%s\n' '@rules'
        case 'rules/check'
            printf '%s\n' '@files' '*'
        case 'rules/test'
            printf '%s\n' '@files'
        case 'rules/eval'
            printf '%s\n' '@files'
        case 'rules/add'
            printf '%s\n' ''
        case 'rules/edit'
            printf '%s\n' '@files'
        case 'rules/enable'
            printf '%s\n' '@rules' '*'
        case 'rules/disable'
            printf '%s\n' '@rules' '*'
        case 'function/show'
            printf '%s\n' '@functions'
        case 'function/pause'
            printf '%s\n' '@functions' '*'
        case 'function/resume'
            printf '%s\n' '@functions' '*'
        case 'worker/show'
            printf '%s\n' '@workers @functions'
        case 'worker/restart'
            printf '%s\n' '@workers @functions' '*'
        case 'worker/stop'
            printf '%s\n' '@workers @functions' '*'
        case 'tui'
            printf '%s\n' 'dashboard tasks errors dlq rules logs'
        case 'db/backup'
            printf '%s\n' '@files'
        case 'db/restore'
            printf '%s\n' '@files'
        case 'chaos/inject'
            printf '%s\n' 'worker-kill worker-stop hang busy-loop exit-code segfault exit-silent memory open-files error result-garbage result-too-large slow-start import-failure service-500 service-429 service-reset service-slow service-half disk-full output-read-only store-locked clock-jump queue-flood config-broken daemon-kill'
        case 'chaos/abort'
            printf '%s\n' '@drills' '*'
        case 'chaos/score'
            printf '%s\n' ''
        case 'init'
            printf '%s\n' '@dirs'
        case 'completion/show'
            printf '%s\n' 'bash zsh fish'
        case 'help'
            printf '%s\n' 'exit-codes environment filters output input'
    end
end

function __fnr_value
    switch $argv[1]
        case ':--home'
            printf '%s\n' '@dirs'
        case ':--config'
            printf '%s\n' '@files'
        case ':-o' ':--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case ':--timeout'
            true
        case 'status:--home'
            printf '%s\n' '@dirs'
        case 'status:--config'
            printf '%s\n' '@files'
        case 'status:-o' 'status:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'status:--timeout'
            true
        case 'submit:-i' 'submit:--input'
            printf '%s\n' '@files'
        case 'submit:--jsonl'
            printf '%s\n' '@files'
        case 'submit:-p' 'submit:--priority'
            true
        case 'submit:--delay'
            true
        case 'submit:--at'
            true
        case 'submit:--timeout'
            true
        case 'submit:--expires'
            true
        case 'submit:--unique'
            true
        case 'submit:--key'
            true
        case 'submit:--tag'
            true
        case 'submit:--retries'
            true
        case 'submit:--home'
            printf '%s\n' '@dirs'
        case 'submit:--config'
            printf '%s\n' '@files'
        case 'submit:-o' 'submit:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'run:--name'
            true
        case 'run:--retries'
            true
        case 'run:--timeout'
            true
        case 'run:--memory'
            true
        case 'run:--cwd'
            printf '%s\n' '@dirs'
        case 'run:--env'
            true
        case 'run:--nice'
            true
        case 'run:--tag'
            true
        case 'run:-p' 'run:--priority'
            true
        case 'run:--home'
            printf '%s\n' '@dirs'
        case 'run:--config'
            printf '%s\n' '@files'
        case 'run:-o' 'run:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'task:--home'
            printf '%s\n' '@dirs'
        case 'task:--config'
            printf '%s\n' '@files'
        case 'task:-o' 'task:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'task:--timeout'
            true
        case 'task/list:--where'
            printf '%s\n' 'age:' 'at:' 'attempts:' 'category:' 'category:transient' 'category:resource' 'category:validation' 'category:permanent' 'category:unknown' 'cause:' 'cause:permanent' 'cause:validation' 'cause:exhausted' 'cause:poison' 'cause:expired' 'exit:' 'function:' 'id:' 'message:' 'priority:' 'reason:' 'replays:' 'retries:' 'rule:' 'signal:' 'since:' 'state:' 'state:queued' 'state:waiting' 'state:running' 'state:done' 'state:dead' 'state:cancelled' 'submitter:' 'tag:' 'unique:' 'until:'
        case 'task/list:-n' 'task/list:--limit'
            true
        case 'task/list:--after'
            true
        case 'task/list:--home'
            printf '%s\n' '@dirs'
        case 'task/list:--config'
            printf '%s\n' '@files'
        case 'task/list:-o' 'task/list:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'task/list:--timeout'
            true
        case 'task/show:--home'
            printf '%s\n' '@dirs'
        case 'task/show:--config'
            printf '%s\n' '@files'
        case 'task/show:-o' 'task/show:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'task/show:--timeout'
            true
        case 'task/history:--home'
            printf '%s\n' '@dirs'
        case 'task/history:--config'
            printf '%s\n' '@files'
        case 'task/history:-o' 'task/history:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'task/history:--timeout'
            true
        case 'task/wait:--for'
            true
        case 'task/wait:--home'
            printf '%s\n' '@dirs'
        case 'task/wait:--config'
            printf '%s\n' '@files'
        case 'task/wait:-o' 'task/wait:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'task/wait:--timeout'
            true
        case 'task/cancel:--where'
            printf '%s\n' 'age:' 'at:' 'attempts:' 'category:' 'category:transient' 'category:resource' 'category:validation' 'category:permanent' 'category:unknown' 'cause:' 'cause:permanent' 'cause:validation' 'cause:exhausted' 'cause:poison' 'cause:expired' 'exit:' 'function:' 'id:' 'message:' 'priority:' 'reason:' 'replays:' 'retries:' 'rule:' 'signal:' 'since:' 'state:' 'state:queued' 'state:waiting' 'state:running' 'state:done' 'state:dead' 'state:cancelled' 'submitter:' 'tag:' 'unique:' 'until:'
        case 'task/cancel:--reason'
            true
        case 'task/cancel:--home'
            printf '%s\n' '@dirs'
        case 'task/cancel:--config'
            printf '%s\n' '@files'
        case 'task/cancel:-o' 'task/cancel:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'task/cancel:--timeout'
            true
        case 'task/logs:-n' 'task/logs:--lines'
            true
        case 'task/logs:--since'
            true
        case 'task/logs:--home'
            printf '%s\n' '@dirs'
        case 'task/logs:--config'
            printf '%s\n' '@files'
        case 'task/logs:-o' 'task/logs:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'task/logs:--timeout'
            true
        case 'logs:-n' 'logs:--lines'
            true
        case 'logs:--since'
            true
        case 'logs:--home'
            printf '%s\n' '@dirs'
        case 'logs:--config'
            printf '%s\n' '@files'
        case 'logs:-o' 'logs:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'logs:--timeout'
            true
        case 'dlq:--home'
            printf '%s\n' '@dirs'
        case 'dlq:--config'
            printf '%s\n' '@files'
        case 'dlq:-o' 'dlq:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'dlq:--timeout'
            true
        case 'dlq/list:--where'
            printf '%s\n' 'age:' 'at:' 'attempts:' 'category:' 'category:transient' 'category:resource' 'category:validation' 'category:permanent' 'category:unknown' 'cause:' 'cause:permanent' 'cause:validation' 'cause:exhausted' 'cause:poison' 'cause:expired' 'exit:' 'function:' 'id:' 'incident:' 'message:' 'priority:' 'reason:' 'replays:' 'retries:' 'rule:' 'signal:' 'since:' 'state:' 'state:open' 'state:replaying' 'state:resolved' 'submitter:' 'tag:' 'unique:' 'until:'
        case 'dlq/list:-n' 'dlq/list:--limit'
            true
        case 'dlq/list:--after'
            true
        case 'dlq/list:--home'
            printf '%s\n' '@dirs'
        case 'dlq/list:--config'
            printf '%s\n' '@files'
        case 'dlq/list:-o' 'dlq/list:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'dlq/list:--timeout'
            true
        case 'dlq/show:--home'
            printf '%s\n' '@dirs'
        case 'dlq/show:--config'
            printf '%s\n' '@files'
        case 'dlq/show:-o' 'dlq/show:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'dlq/show:--timeout'
            true
        case 'dlq/stats:--where'
            printf '%s\n' 'age:' 'at:' 'attempts:' 'category:' 'category:transient' 'category:resource' 'category:validation' 'category:permanent' 'category:unknown' 'cause:' 'cause:permanent' 'cause:validation' 'cause:exhausted' 'cause:poison' 'cause:expired' 'exit:' 'function:' 'id:' 'incident:' 'message:' 'priority:' 'reason:' 'replays:' 'retries:' 'rule:' 'signal:' 'since:' 'state:' 'state:open' 'state:replaying' 'state:resolved' 'submitter:' 'tag:' 'unique:' 'until:'
        case 'dlq/stats:--home'
            printf '%s\n' '@dirs'
        case 'dlq/stats:--config'
            printf '%s\n' '@files'
        case 'dlq/stats:-o' 'dlq/stats:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'dlq/stats:--timeout'
            true
        case 'dlq/resolve:--where'
            printf '%s\n' 'age:' 'at:' 'attempts:' 'category:' 'category:transient' 'category:resource' 'category:validation' 'category:permanent' 'category:unknown' 'cause:' 'cause:permanent' 'cause:validation' 'cause:exhausted' 'cause:poison' 'cause:expired' 'exit:' 'function:' 'id:' 'incident:' 'message:' 'priority:' 'reason:' 'replays:' 'retries:' 'rule:' 'signal:' 'since:' 'state:' 'state:open' 'state:replaying' 'state:resolved' 'submitter:' 'tag:' 'unique:' 'until:'
        case 'dlq/resolve:--reason'
            true
        case 'dlq/resolve:--home'
            printf '%s\n' '@dirs'
        case 'dlq/resolve:--config'
            printf '%s\n' '@files'
        case 'dlq/resolve:-o' 'dlq/resolve:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'dlq/resolve:--timeout'
            true
        case 'dlq/purge:--where'
            printf '%s\n' 'age:' 'at:' 'attempts:' 'category:' 'category:transient' 'category:resource' 'category:validation' 'category:permanent' 'category:unknown' 'cause:' 'cause:permanent' 'cause:validation' 'cause:exhausted' 'cause:poison' 'cause:expired' 'exit:' 'function:' 'id:' 'incident:' 'message:' 'priority:' 'reason:' 'replays:' 'retries:' 'rule:' 'signal:' 'since:' 'state:' 'state:open' 'state:replaying' 'state:resolved' 'submitter:' 'tag:' 'unique:' 'until:'
        case 'dlq/purge:--home'
            printf '%s\n' '@dirs'
        case 'dlq/purge:--config'
            printf '%s\n' '@files'
        case 'dlq/purge:-o' 'dlq/purge:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'dlq/purge:--timeout'
            true
        case 'dlq/replay:--where'
            printf '%s\n' 'age:' 'at:' 'attempts:' 'category:' 'category:transient' 'category:resource' 'category:validation' 'category:permanent' 'category:unknown' 'cause:' 'cause:permanent' 'cause:validation' 'cause:exhausted' 'cause:poison' 'cause:expired' 'exit:' 'function:' 'id:' 'incident:' 'message:' 'priority:' 'reason:' 'replays:' 'retries:' 'rule:' 'signal:' 'since:' 'state:' 'state:open' 'state:replaying' 'state:resolved' 'submitter:' 'tag:' 'unique:' 'until:'
        case 'dlq/replay:--canary'
            true
        case 'dlq/replay:--rate'
            true
        case 'dlq/replay:--ramp'
            true
        case 'dlq/replay:--concurrency'
            true
        case 'dlq/replay:--stop-on-failures'
            true
        case 'dlq/replay:--order'
            printf '%s\n' 'oldest' 'newest' 'priority'
        case 'dlq/replay:--keep-order-by'
            true
        case 'dlq/replay:--reason'
            true
        case 'dlq/replay:--home'
            printf '%s\n' '@dirs'
        case 'dlq/replay:--config'
            printf '%s\n' '@files'
        case 'dlq/replay:-o' 'dlq/replay:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'dlq/replay:--timeout'
            true
        case 'dlq/edit:--set'
            true
        case 'dlq/edit:-i' 'dlq/edit:--input'
            printf '%s\n' '@files'
        case 'dlq/edit:--home'
            printf '%s\n' '@dirs'
        case 'dlq/edit:--config'
            printf '%s\n' '@files'
        case 'dlq/edit:-o' 'dlq/edit:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'dlq/edit:--timeout'
            true
        case 'dlq/export:--where'
            printf '%s\n' 'age:' 'at:' 'attempts:' 'category:' 'category:transient' 'category:resource' 'category:validation' 'category:permanent' 'category:unknown' 'cause:' 'cause:permanent' 'cause:validation' 'cause:exhausted' 'cause:poison' 'cause:expired' 'exit:' 'function:' 'id:' 'incident:' 'message:' 'priority:' 'reason:' 'replays:' 'retries:' 'rule:' 'signal:' 'since:' 'state:' 'state:open' 'state:replaying' 'state:resolved' 'submitter:' 'tag:' 'unique:' 'until:'
        case 'dlq/export:--to'
            printf '%s\n' '@files'
        case 'dlq/export:--home'
            printf '%s\n' '@dirs'
        case 'dlq/export:--config'
            printf '%s\n' '@files'
        case 'dlq/export:-o' 'dlq/export:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'dlq/export:--timeout'
            true
        case 'dlq/import:--home'
            printf '%s\n' '@dirs'
        case 'dlq/import:--config'
            printf '%s\n' '@files'
        case 'dlq/import:-o' 'dlq/import:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'dlq/import:--timeout'
            true
        case 'replay:--home'
            printf '%s\n' '@dirs'
        case 'replay:--config'
            printf '%s\n' '@files'
        case 'replay:-o' 'replay:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'replay:--timeout'
            true
        case 'replay/list:-n' 'replay/list:--limit'
            true
        case 'replay/list:--after'
            true
        case 'replay/list:--home'
            printf '%s\n' '@dirs'
        case 'replay/list:--config'
            printf '%s\n' '@files'
        case 'replay/list:-o' 'replay/list:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'replay/list:--timeout'
            true
        case 'replay/show:--letters'
            printf '%s\n' 'pending' 'held' 'ready' 'live' 'done' 'dead' 'cancelled' 'skipped'
        case 'replay/show:-n' 'replay/show:--limit'
            true
        case 'replay/show:--after'
            true
        case 'replay/show:--home'
            printf '%s\n' '@dirs'
        case 'replay/show:--config'
            printf '%s\n' '@files'
        case 'replay/show:-o' 'replay/show:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'replay/show:--timeout'
            true
        case 'replay/pause:--reason'
            true
        case 'replay/pause:--home'
            printf '%s\n' '@dirs'
        case 'replay/pause:--config'
            printf '%s\n' '@files'
        case 'replay/pause:-o' 'replay/pause:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'replay/pause:--timeout'
            true
        case 'replay/resume:--rate'
            true
        case 'replay/resume:--concurrency'
            true
        case 'replay/resume:--reason'
            true
        case 'replay/resume:--home'
            printf '%s\n' '@dirs'
        case 'replay/resume:--config'
            printf '%s\n' '@files'
        case 'replay/resume:-o' 'replay/resume:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'replay/resume:--timeout'
            true
        case 'replay/cancel:--reason'
            true
        case 'replay/cancel:--home'
            printf '%s\n' '@dirs'
        case 'replay/cancel:--config'
            printf '%s\n' '@files'
        case 'replay/cancel:-o' 'replay/cancel:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'replay/cancel:--timeout'
            true
        case 'errors:--home'
            printf '%s\n' '@dirs'
        case 'errors:--config'
            printf '%s\n' '@files'
        case 'errors:-o' 'errors:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'errors:--timeout'
            true
        case 'errors/list:--where'
            printf '%s\n' 'age:' 'at:' 'category:' 'category:transient' 'category:resource' 'category:validation' 'category:permanent' 'category:unknown' 'exit:' 'function:' 'id:' 'incident:' 'killed:' 'message:' 'rule:' 'signal:' 'since:' 'strategy:' 'task:' 'until:' 'was:' 'was:transient' 'was:resource' 'was:validation' 'was:permanent' 'was:unknown'
        case 'errors/list:--since'
            true
        case 'errors/list:-n' 'errors/list:--limit'
            true
        case 'errors/list:--after'
            true
        case 'errors/list:--home'
            printf '%s\n' '@dirs'
        case 'errors/list:--config'
            printf '%s\n' '@files'
        case 'errors/list:-o' 'errors/list:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'errors/list:--timeout'
            true
        case 'errors/show:--home'
            printf '%s\n' '@dirs'
        case 'errors/show:--config'
            printf '%s\n' '@files'
        case 'errors/show:-o' 'errors/show:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'errors/show:--timeout'
            true
        case 'errors/explain:--home'
            printf '%s\n' '@dirs'
        case 'errors/explain:--config'
            printf '%s\n' '@files'
        case 'errors/explain:-o' 'errors/explain:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'errors/explain:--timeout'
            true
        case 'errors/groups:--where'
            printf '%s\n' 'acked:' 'age:' 'at:' 'category:' 'category:transient' 'category:resource' 'category:validation' 'category:permanent' 'category:unknown' 'count:' 'function:' 'id:' 'message:' 'reason:' 'regressions:' 'rule:' 'since:' 'state:' 'state:new' 'state:ongoing' 'state:regressed' 'state:snoozed' 'state:resolved' 'until:'
        case 'errors/groups:--since'
            true
        case 'errors/groups:-n' 'errors/groups:--limit'
            true
        case 'errors/groups:--after'
            true
        case 'errors/groups:--home'
            printf '%s\n' '@dirs'
        case 'errors/groups:--config'
            printf '%s\n' '@files'
        case 'errors/groups:-o' 'errors/groups:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'errors/groups:--timeout'
            true
        case 'errors/similar:-n' 'errors/similar:--limit'
            true
        case 'errors/similar:--home'
            printf '%s\n' '@dirs'
        case 'errors/similar:--config'
            printf '%s\n' '@files'
        case 'errors/similar:-o' 'errors/similar:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'errors/similar:--timeout'
            true
        case 'errors/tail:--where'
            printf '%s\n' 'age:' 'at:' 'category:' 'category:transient' 'category:resource' 'category:validation' 'category:permanent' 'category:unknown' 'exit:' 'function:' 'id:' 'incident:' 'killed:' 'message:' 'rule:' 'signal:' 'since:' 'strategy:' 'task:' 'until:' 'was:' 'was:transient' 'was:resource' 'was:validation' 'was:permanent' 'was:unknown'
        case 'errors/tail:-n' 'errors/tail:--lines'
            true
        case 'errors/tail:--home'
            printf '%s\n' '@dirs'
        case 'errors/tail:--config'
            printf '%s\n' '@files'
        case 'errors/tail:-o' 'errors/tail:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'errors/tail:--timeout'
            true
        case 'errors/ack:--reason'
            true
        case 'errors/ack:--home'
            printf '%s\n' '@dirs'
        case 'errors/ack:--config'
            printf '%s\n' '@files'
        case 'errors/ack:-o' 'errors/ack:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'errors/ack:--timeout'
            true
        case 'errors/snooze:--for'
            true
        case 'errors/snooze:--reason'
            true
        case 'errors/snooze:--home'
            printf '%s\n' '@dirs'
        case 'errors/snooze:--config'
            printf '%s\n' '@files'
        case 'errors/snooze:-o' 'errors/snooze:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'errors/snooze:--timeout'
            true
        case 'errors/resolve:--reason'
            true
        case 'errors/resolve:--home'
            printf '%s\n' '@dirs'
        case 'errors/resolve:--config'
            printf '%s\n' '@files'
        case 'errors/resolve:-o' 'errors/resolve:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'errors/resolve:--timeout'
            true
        case 'errors/reclassify:--category'
            printf '%s\n' 'transient' 'resource' 'validation' 'permanent' 'unknown'
        case 'errors/reclassify:--why'
            true
        case 'errors/reclassify:--home'
            printf '%s\n' '@dirs'
        case 'errors/reclassify:--config'
            printf '%s\n' '@files'
        case 'errors/reclassify:-o' 'errors/reclassify:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'errors/reclassify:--timeout'
            true
        case 'rules:--home'
            printf '%s\n' '@dirs'
        case 'rules:--config'
            printf '%s\n' '@files'
        case 'rules:-o' 'rules:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'rules:--timeout'
            true
        case 'rules/list:-c' 'rules/list:--category'
            printf '%s\n' 'transient' 'resource' 'validation' 'permanent' 'unknown'
        case 'rules/list:--home'
            printf '%s\n' '@dirs'
        case 'rules/list:--config'
            printf '%s\n' '@files'
        case 'rules/list:-o' 'rules/list:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'rules/list:--timeout'
            true
        case 'rules/show:--home'
            printf '%s\n' '@dirs'
        case 'rules/show:--config'
            printf '%s\n' '@files'
        case 'rules/show:-o' 'rules/show:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'rules/show:--timeout'
            true
        case 'rules/check:--home'
            printf '%s\n' '@dirs'
        case 'rules/check:--config'
            printf '%s\n' '@files'
        case 'rules/check:-o' 'rules/check:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'rules/check:--timeout'
            true
        case 'rules/test:--exception'
            true
        case 'rules/test:--exit'
            true
        case 'rules/test:--signal'
            true
        case 'rules/test:--http'
            true
        case 'rules/test:--code'
            true
        case 'rules/test:--stderr'
            printf '%s\n' '@files'
        case 'rules/test:--traceback'
            printf '%s\n' '@files'
        case 'rules/test:--killed-by'
            printf '%s\n' 'timeout' 'progress_timeout' 'hang' 'cancel' 'drain' 'restart' 'operator' 'recycle' 'reboot' 'output_limit' 'drill'
        case 'rules/test:--phase'
            printf '%s\n' 'import' 'start' 'run' 'result'
        case 'rules/test:--function'
            printf '%s\n' '@functions'
        case 'rules/test:--rules'
            printf '%s\n' '@files'
        case 'rules/test:--against-history'
            true
        case 'rules/test:--home'
            printf '%s\n' '@dirs'
        case 'rules/test:--config'
            printf '%s\n' '@files'
        case 'rules/test:-o' 'rules/test:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'rules/test:--timeout'
            true
        case 'rules/eval:-n' 'rules/eval:--limit'
            true
        case 'rules/eval:--home'
            printf '%s\n' '@dirs'
        case 'rules/eval:--config'
            printf '%s\n' '@files'
        case 'rules/eval:-o' 'rules/eval:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'rules/eval:--timeout'
            true
        case 'rules/reload:--home'
            printf '%s\n' '@dirs'
        case 'rules/reload:--config'
            printf '%s\n' '@files'
        case 'rules/reload:-o' 'rules/reload:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'rules/reload:--timeout'
            true
        case 'rules/suggest:--since'
            true
        case 'rules/suggest:--min-hits'
            true
        case 'rules/suggest:--home'
            printf '%s\n' '@dirs'
        case 'rules/suggest:--config'
            printf '%s\n' '@files'
        case 'rules/suggest:-o' 'rules/suggest:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'rules/suggest:--timeout'
            true
        case 'rules/add:--category'
            printf '%s\n' 'transient' 'resource' 'validation' 'permanent' 'unknown'
        case 'rules/add:--text'
            true
        case 'rules/add:--exception'
            true
        case 'rules/add:--code'
            true
        case 'rules/add:--exit'
            true
        case 'rules/add:--signal'
            true
        case 'rules/add:--hint'
            true
        case 'rules/add:--max-retries'
            true
        case 'rules/add:--test'
            true
        case 'rules/add:--home'
            printf '%s\n' '@dirs'
        case 'rules/add:--config'
            printf '%s\n' '@files'
        case 'rules/add:-o' 'rules/add:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'rules/add:--timeout'
            true
        case 'rules/edit:--home'
            printf '%s\n' '@dirs'
        case 'rules/edit:--config'
            printf '%s\n' '@files'
        case 'rules/edit:-o' 'rules/edit:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'rules/edit:--timeout'
            true
        case 'rules/enable:--home'
            printf '%s\n' '@dirs'
        case 'rules/enable:--config'
            printf '%s\n' '@files'
        case 'rules/enable:-o' 'rules/enable:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'rules/enable:--timeout'
            true
        case 'rules/disable:--home'
            printf '%s\n' '@dirs'
        case 'rules/disable:--config'
            printf '%s\n' '@files'
        case 'rules/disable:-o' 'rules/disable:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'rules/disable:--timeout'
            true
        case 'rules/stats:-n' 'rules/stats:--limit'
            true
        case 'rules/stats:--home'
            printf '%s\n' '@dirs'
        case 'rules/stats:--config'
            printf '%s\n' '@files'
        case 'rules/stats:-o' 'rules/stats:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'rules/stats:--timeout'
            true
        case 'rules/learn:--home'
            printf '%s\n' '@dirs'
        case 'rules/learn:--config'
            printf '%s\n' '@files'
        case 'rules/learn:-o' 'rules/learn:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'rules/learn:--timeout'
            true
        case 'function:--home'
            printf '%s\n' '@dirs'
        case 'function:--config'
            printf '%s\n' '@files'
        case 'function:-o' 'function:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'function:--timeout'
            true
        case 'function/list:--home'
            printf '%s\n' '@dirs'
        case 'function/list:--config'
            printf '%s\n' '@files'
        case 'function/list:-o' 'function/list:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'function/list:--timeout'
            true
        case 'function/show:--home'
            printf '%s\n' '@dirs'
        case 'function/show:--config'
            printf '%s\n' '@files'
        case 'function/show:-o' 'function/show:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'function/show:--timeout'
            true
        case 'function/pause:--reason'
            true
        case 'function/pause:--home'
            printf '%s\n' '@dirs'
        case 'function/pause:--config'
            printf '%s\n' '@files'
        case 'function/pause:-o' 'function/pause:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'function/pause:--timeout'
            true
        case 'function/resume:--home'
            printf '%s\n' '@dirs'
        case 'function/resume:--config'
            printf '%s\n' '@files'
        case 'function/resume:-o' 'function/resume:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'function/resume:--timeout'
            true
        case 'worker:--home'
            printf '%s\n' '@dirs'
        case 'worker:--config'
            printf '%s\n' '@files'
        case 'worker:-o' 'worker:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'worker:--timeout'
            true
        case 'worker/list:-f' 'worker/list:--function'
            printf '%s\n' '@functions'
        case 'worker/list:--home'
            printf '%s\n' '@dirs'
        case 'worker/list:--config'
            printf '%s\n' '@files'
        case 'worker/list:-o' 'worker/list:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'worker/list:--timeout'
            true
        case 'worker/show:--home'
            printf '%s\n' '@dirs'
        case 'worker/show:--config'
            printf '%s\n' '@files'
        case 'worker/show:-o' 'worker/show:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'worker/show:--timeout'
            true
        case 'worker/restart:--home'
            printf '%s\n' '@dirs'
        case 'worker/restart:--config'
            printf '%s\n' '@files'
        case 'worker/restart:-o' 'worker/restart:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'worker/restart:--timeout'
            true
        case 'worker/stop:--home'
            printf '%s\n' '@dirs'
        case 'worker/stop:--config'
            printf '%s\n' '@files'
        case 'worker/stop:-o' 'worker/stop:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'worker/stop:--timeout'
            true
        case 'tui:--home'
            printf '%s\n' '@dirs'
        case 'tui:--config'
            printf '%s\n' '@files'
        case 'tui:-o' 'tui:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'tui:--timeout'
            true
        case 'daemon:--log-level'
            printf '%s\n' 'debug' 'info' 'warning' 'error'
        case 'daemon:--log-format'
            printf '%s\n' 'text' 'json'
        case 'daemon:--log-file'
            printf '%s\n' '@files'
        case 'daemon:--home'
            printf '%s\n' '@dirs'
        case 'daemon:--config'
            printf '%s\n' '@files'
        case 'daemon:-o' 'daemon:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'daemon:--timeout'
            true
        case 'daemon/start:--within'
            true
        case 'daemon/start:--home'
            printf '%s\n' '@dirs'
        case 'daemon/start:--config'
            printf '%s\n' '@files'
        case 'daemon/start:-o' 'daemon/start:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'daemon/start:--timeout'
            true
        case 'daemon/stop:--within'
            true
        case 'daemon/stop:--home'
            printf '%s\n' '@dirs'
        case 'daemon/stop:--config'
            printf '%s\n' '@files'
        case 'daemon/stop:-o' 'daemon/stop:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'daemon/stop:--timeout'
            true
        case 'daemon/restart:--within'
            true
        case 'daemon/restart:--home'
            printf '%s\n' '@dirs'
        case 'daemon/restart:--config'
            printf '%s\n' '@files'
        case 'daemon/restart:-o' 'daemon/restart:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'daemon/restart:--timeout'
            true
        case 'daemon/reload:--home'
            printf '%s\n' '@dirs'
        case 'daemon/reload:--config'
            printf '%s\n' '@files'
        case 'daemon/reload:-o' 'daemon/reload:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'daemon/reload:--timeout'
            true
        case 'daemon/status:--home'
            printf '%s\n' '@dirs'
        case 'daemon/status:--config'
            printf '%s\n' '@files'
        case 'daemon/status:-o' 'daemon/status:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'daemon/status:--timeout'
            true
        case 'db:--home'
            printf '%s\n' '@dirs'
        case 'db:--config'
            printf '%s\n' '@files'
        case 'db:-o' 'db:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'db:--timeout'
            true
        case 'db/check:--home'
            printf '%s\n' '@dirs'
        case 'db/check:--config'
            printf '%s\n' '@files'
        case 'db/check:-o' 'db/check:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'db/check:--timeout'
            true
        case 'db/stats:--home'
            printf '%s\n' '@dirs'
        case 'db/stats:--config'
            printf '%s\n' '@files'
        case 'db/stats:-o' 'db/stats:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'db/stats:--timeout'
            true
        case 'db/backup:--home'
            printf '%s\n' '@dirs'
        case 'db/backup:--config'
            printf '%s\n' '@files'
        case 'db/backup:-o' 'db/backup:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'db/backup:--timeout'
            true
        case 'db/restore:--home'
            printf '%s\n' '@dirs'
        case 'db/restore:--config'
            printf '%s\n' '@files'
        case 'db/restore:-o' 'db/restore:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'db/restore:--timeout'
            true
        case 'db/vacuum:--home'
            printf '%s\n' '@dirs'
        case 'db/vacuum:--config'
            printf '%s\n' '@files'
        case 'db/vacuum:-o' 'db/vacuum:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'db/vacuum:--timeout'
            true
        case 'config:--home'
            printf '%s\n' '@dirs'
        case 'config:--config'
            printf '%s\n' '@files'
        case 'config:-o' 'config:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'config:--timeout'
            true
        case 'config/show:--home'
            printf '%s\n' '@dirs'
        case 'config/show:--config'
            printf '%s\n' '@files'
        case 'config/show:-o' 'config/show:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'config/show:--timeout'
            true
        case 'config/check:--home'
            printf '%s\n' '@dirs'
        case 'config/check:--config'
            printf '%s\n' '@files'
        case 'config/check:-o' 'config/check:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'config/check:--timeout'
            true
        case 'config/path:--home'
            printf '%s\n' '@dirs'
        case 'config/path:--config'
            printf '%s\n' '@files'
        case 'config/path:-o' 'config/path:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'config/path:--timeout'
            true
        case 'chaos:--home'
            printf '%s\n' '@dirs'
        case 'chaos:--config'
            printf '%s\n' '@files'
        case 'chaos:-o' 'chaos:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'chaos:--timeout'
            true
        case 'chaos/faults:--home'
            printf '%s\n' '@dirs'
        case 'chaos/faults:--config'
            printf '%s\n' '@files'
        case 'chaos/faults:-o' 'chaos/faults:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'chaos/faults:--timeout'
            true
        case 'chaos/inject:--duration'
            true
        case 'chaos/inject:--reason'
            true
        case 'chaos/inject:--where'
            printf '%s\n' 'age:' 'at:' 'attempts:' 'category:' 'category:transient' 'category:resource' 'category:validation' 'category:permanent' 'category:unknown' 'cause:' 'cause:permanent' 'cause:validation' 'cause:exhausted' 'cause:poison' 'cause:expired' 'exit:' 'function:' 'id:' 'incident:' 'message:' 'priority:' 'reason:' 'replays:' 'retries:' 'rule:' 'signal:' 'since:' 'state:' 'state:queued' 'state:waiting' 'state:running' 'state:done' 'state:dead' 'state:cancelled' 'state:open' 'state:replaying' 'state:resolved' 'submitter:' 'tag:' 'unique:' 'until:'
        case 'chaos/inject:--set'
            true
        case 'chaos/inject:--times'
            true
        case 'chaos/inject:--workers'
            true
        case 'chaos/inject:--home'
            printf '%s\n' '@dirs'
        case 'chaos/inject:--config'
            printf '%s\n' '@files'
        case 'chaos/inject:-o' 'chaos/inject:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'chaos/inject:--timeout'
            true
        case 'chaos/list:--home'
            printf '%s\n' '@dirs'
        case 'chaos/list:--config'
            printf '%s\n' '@files'
        case 'chaos/list:-o' 'chaos/list:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'chaos/list:--timeout'
            true
        case 'chaos/abort:--home'
            printf '%s\n' '@dirs'
        case 'chaos/abort:--config'
            printf '%s\n' '@files'
        case 'chaos/abort:-o' 'chaos/abort:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'chaos/abort:--timeout'
            true
        case 'chaos/drill:--scenario'
            printf '%s\n' 'quick' 'standard' 'full'
        case 'chaos/drill:--seed'
            true
        case 'chaos/drill:--concurrent'
            true
        case 'chaos/drill:--home'
            printf '%s\n' '@dirs'
        case 'chaos/drill:--config'
            printf '%s\n' '@files'
        case 'chaos/drill:-o' 'chaos/drill:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'chaos/drill:--timeout'
            true
        case 'chaos/score:--against'
            true
        case 'chaos/score:--home'
            printf '%s\n' '@dirs'
        case 'chaos/score:--config'
            printf '%s\n' '@files'
        case 'chaos/score:-o' 'chaos/score:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'chaos/score:--timeout'
            true
        case 'chaos/scenarios:--home'
            printf '%s\n' '@dirs'
        case 'chaos/scenarios:--config'
            printf '%s\n' '@files'
        case 'chaos/scenarios:-o' 'chaos/scenarios:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'chaos/scenarios:--timeout'
            true
        case 'chaos/proxy:--listen'
            true
        case 'chaos/proxy:--upstream'
            true
        case 'chaos/proxy:--home'
            printf '%s\n' '@dirs'
        case 'chaos/proxy:--config'
            printf '%s\n' '@files'
        case 'chaos/proxy:-o' 'chaos/proxy:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'chaos/proxy:--timeout'
            true
        case 'init:--home'
            printf '%s\n' '@dirs'
        case 'init:--config'
            printf '%s\n' '@files'
        case 'init:-o' 'init:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'init:--timeout'
            true
        case 'completion:--home'
            printf '%s\n' '@dirs'
        case 'completion:--config'
            printf '%s\n' '@files'
        case 'completion:-o' 'completion:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'completion:--timeout'
            true
        case 'completion/show:--home'
            printf '%s\n' '@dirs'
        case 'completion/show:--config'
            printf '%s\n' '@files'
        case 'completion/show:-o' 'completion/show:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'completion/show:--timeout'
            true
        case 'completion/install:--shell'
            printf '%s\n' 'bash' 'zsh' 'fish'
        case 'completion/install:--home'
            printf '%s\n' '@dirs'
        case 'completion/install:--config'
            printf '%s\n' '@files'
        case 'completion/install:-o' 'completion/install:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'completion/install:--timeout'
            true
        case 'demo:--input'
            printf '%s\n' '@dirs'
        case 'demo:--seed'
            true
        case 'demo:--tasks-max'
            true
        case 'demo:--home'
            printf '%s\n' '@dirs'
        case 'demo:--config'
            printf '%s\n' '@files'
        case 'demo:-o' 'demo:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'demo:--timeout'
            true
        case 'help:--home'
            printf '%s\n' '@dirs'
        case 'help:--config'
            printf '%s\n' '@files'
        case 'help:-o' 'help:--output'
            printf '%s\n' 'table' 'json' 'jsonl' 'name'
        case 'help:--timeout'
            true
        case '*'
            return 1
    end
end

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
