# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_runnerctl_global_optspecs
    string join \n runtime-dir= json q/quiet h/help V/version
end

function __fish_runnerctl_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_runnerctl_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_runnerctl_using_subcommand
    set -l cmd (__fish_runnerctl_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c runnerctl -n "__fish_runnerctl_needs_command" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_needs_command" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -s V -l version -d 'Print version'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "status" -d 'Show the state of units with their last log lines, or of everything'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "list-units" -d 'List loaded units'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "list-sockets" -d 'List what is listened on, and the units a connection starts'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "list-timers" -d 'List timers by when they elapse next, and the units they start'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "list-paths" -d 'List what path units look for, and the units they start'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "list-jobs" -d 'List queued and running jobs'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "list-dependencies" -d 'Show what units need, as a tree'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "start" -d 'Start units and wait until they are ready'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "stop" -d 'Stop units and wait until they are down'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "restart" -d 'Stop units, then start them; start those that were down'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "try-restart" -d 'Restart the units that are up'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "reload" -d 'Let units read their own configuration again'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "reload-or-restart" -d 'Reload the units that can, restart the others; start those that were down'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "try-reload-or-restart" -d 'Reload the units that can, restart the others; only those that are up'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "isolate" -d 'Start a unit, and stop everything that it does not need'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "cancel" -d 'Take queued and running jobs back, or all of them'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "kill" -d 'Send a signal to the processes of units'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "clean" -d 'Take away directories that units have made for themselves'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "freeze" -d 'Keep the processes of units from running, until `thaw`'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "thaw" -d 'Let the processes of units run again'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "why" -d 'Say why a unit is as it is, and what to do next'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "show" -d 'Print properties of units, or of the manager'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "cat" -d 'Print the files that define units, with their drop-ins'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "logs" -d 'Print what units wrote'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "is-active" -d 'Tell whether at least one of the units is active'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "is-failed" -d 'Tell whether at least one of the units has failed'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "wait" -d 'Wait until units are up, ready or down'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "is-ready" -d 'Tell whether everything is up that starts at boot, or units are'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "reset-failed" -d 'Forget failures and start limits of units, or of all'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "check" -d 'Check unit files without running anything'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "import" -d 'Turn a supervisord.conf, or unit files of systemd, into unit files that do the same'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "export" -d 'Write units as unit files of another system'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "run" -d 'Run a command as a unit of its own, which is gone when it has ended'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "plan" -d 'Show what daemon-reload would change, before it does'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "daemon-reload" -d 'Read all unit files again'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "list-unit-files" -d 'List unit files, and whether what they define is enabled'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "is-enabled" -d 'Tell whether units are started at boot, or with others'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "enable" -d 'Let units be started at boot, or with the units they name'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "disable" -d 'Undo `enable`'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "reenable" -d 'Undo `enable`, and do it again by what the files say now'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "mask" -d 'Make it impossible to start units'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "unmask" -d 'Undo `mask`'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "revert" -d 'Take away drop-ins and masks of units, and files that stand before those of a package'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "add-wants" -d 'Let a unit want others: they are started with it'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "add-requires" -d 'Let a unit require others: it is not started without them'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "link" -d 'Make unit files known that are somewhere else, by links to them'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "get-default" -d 'Print the target that boot starts'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "set-default" -d 'Let boot start another target'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "set-property" -d 'Set settings of a unit'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "edit" -d 'Change units with an editor, and save nothing that is wrong'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "show-environment" -d 'Print the variables every program\'s environment starts from'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "set-environment" -d 'Set some of these variables, for programs that are started from now on'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "unset-environment" -d 'Take some of these variables away'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "import-environment" -d 'Set some of these variables to what they are here'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "passwd" -d 'Make a password line for a server section of a supervisord.conf'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "calendar" -d 'Say what calendar expressions mean, and when they elapse next'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "timespan" -d 'Say what time spans mean, in microseconds and in one form'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "escape" -d 'Fit texts into unit names, or the other way round'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "daemon-reexec" -d 'Replace the running runnerd by its present program file; no unit notices'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "shutdown" -d 'Stop all units in order and end runnerd'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "exit" -d 'The same as shutdown, with the exit status as systemctl takes it'
complete -c runnerctl -n "__fish_runnerctl_needs_command" -f -a "version" -d 'Print the version of runnerctl, and of the runnerd that answers'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand status" -s n -l lines -d 'How many log lines to show of each unit' -r
complete -c runnerctl -n "__fish_runnerctl_using_subcommand status" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand status" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand status" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand list-units" -l state -d 'Only units in one of these load, active or sub states' -r
complete -c runnerctl -n "__fish_runnerctl_using_subcommand list-units" -s t -l type -d 'Only units of these kinds' -r -f -a "service\t''
socket\t''
target\t''
timer\t''
path\t''
slice\t''"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand list-units" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand list-units" -s a -l all -d 'Also units that are down and have no job'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand list-units" -l failed -d 'Only units that have failed: the same as --state=failed'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand list-units" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand list-units" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand list-units" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand list-sockets" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand list-sockets" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand list-sockets" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand list-sockets" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand list-timers" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand list-timers" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand list-timers" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand list-timers" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand list-paths" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand list-paths" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand list-paths" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand list-paths" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand list-jobs" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand list-jobs" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand list-jobs" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand list-jobs" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand list-dependencies" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand list-dependencies" -l reverse -d 'Show the units that need these'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand list-dependencies" -l after -d 'Show the units these wait for when they start'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand list-dependencies" -l before -d 'Show the units that wait for these'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand list-dependencies" -s a -l all -d 'Go into all units, and not into targets only'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand list-dependencies" -l plain -d 'A list, each unit once'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand list-dependencies" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand list-dependencies" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand list-dependencies" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand start" -l job-mode -d 'What to do about other jobs that are in the way' -r -f -a "replace\t'Replace them'
fail\t'Refuse the new job'
replace-irreversibly\t'Replace them, and let no later job replace this one'
ignore-dependencies\t'Only this job: neither requirements nor orderings count'
ignore-requirements\t'Orderings count, requirements do not'
isolate\t'Stop everything that the unit does not need; start only'
flush\t'Replace them, and take back every other queued job'
triggering\t'Stop what would start the unit again as well; stop only'
restart-dependencies\t'Restart the units that depend on it as well; start only'"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand start" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand start" -l no-block -d 'Queue the jobs and do not wait for them'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand start" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand start" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand start" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand stop" -l job-mode -d 'What to do about other jobs that are in the way' -r -f -a "replace\t'Replace them'
fail\t'Refuse the new job'
replace-irreversibly\t'Replace them, and let no later job replace this one'
ignore-dependencies\t'Only this job: neither requirements nor orderings count'
ignore-requirements\t'Orderings count, requirements do not'
isolate\t'Stop everything that the unit does not need; start only'
flush\t'Replace them, and take back every other queued job'
triggering\t'Stop what would start the unit again as well; stop only'
restart-dependencies\t'Restart the units that depend on it as well; start only'"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand stop" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand stop" -l no-block -d 'Queue the jobs and do not wait for them'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand stop" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand stop" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand stop" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand restart" -l job-mode -d 'What to do about other jobs that are in the way' -r -f -a "replace\t'Replace them'
fail\t'Refuse the new job'
replace-irreversibly\t'Replace them, and let no later job replace this one'
ignore-dependencies\t'Only this job: neither requirements nor orderings count'
ignore-requirements\t'Orderings count, requirements do not'
isolate\t'Stop everything that the unit does not need; start only'
flush\t'Replace them, and take back every other queued job'
triggering\t'Stop what would start the unit again as well; stop only'
restart-dependencies\t'Restart the units that depend on it as well; start only'"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand restart" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand restart" -l no-block -d 'Queue the jobs and do not wait for them'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand restart" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand restart" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand restart" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand try-restart" -l job-mode -d 'What to do about other jobs that are in the way' -r -f -a "replace\t'Replace them'
fail\t'Refuse the new job'
replace-irreversibly\t'Replace them, and let no later job replace this one'
ignore-dependencies\t'Only this job: neither requirements nor orderings count'
ignore-requirements\t'Orderings count, requirements do not'
isolate\t'Stop everything that the unit does not need; start only'
flush\t'Replace them, and take back every other queued job'
triggering\t'Stop what would start the unit again as well; stop only'
restart-dependencies\t'Restart the units that depend on it as well; start only'"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand try-restart" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand try-restart" -l no-block -d 'Queue the jobs and do not wait for them'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand try-restart" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand try-restart" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand try-restart" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand reload" -l job-mode -d 'What to do about other jobs that are in the way' -r -f -a "replace\t'Replace them'
fail\t'Refuse the new job'
replace-irreversibly\t'Replace them, and let no later job replace this one'
ignore-dependencies\t'Only this job: neither requirements nor orderings count'
ignore-requirements\t'Orderings count, requirements do not'
isolate\t'Stop everything that the unit does not need; start only'
flush\t'Replace them, and take back every other queued job'
triggering\t'Stop what would start the unit again as well; stop only'
restart-dependencies\t'Restart the units that depend on it as well; start only'"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand reload" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand reload" -l no-block -d 'Queue the jobs and do not wait for them'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand reload" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand reload" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand reload" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand reload-or-restart" -l job-mode -d 'What to do about other jobs that are in the way' -r -f -a "replace\t'Replace them'
fail\t'Refuse the new job'
replace-irreversibly\t'Replace them, and let no later job replace this one'
ignore-dependencies\t'Only this job: neither requirements nor orderings count'
ignore-requirements\t'Orderings count, requirements do not'
isolate\t'Stop everything that the unit does not need; start only'
flush\t'Replace them, and take back every other queued job'
triggering\t'Stop what would start the unit again as well; stop only'
restart-dependencies\t'Restart the units that depend on it as well; start only'"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand reload-or-restart" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand reload-or-restart" -l no-block -d 'Queue the jobs and do not wait for them'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand reload-or-restart" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand reload-or-restart" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand reload-or-restart" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand try-reload-or-restart" -l job-mode -d 'What to do about other jobs that are in the way' -r -f -a "replace\t'Replace them'
fail\t'Refuse the new job'
replace-irreversibly\t'Replace them, and let no later job replace this one'
ignore-dependencies\t'Only this job: neither requirements nor orderings count'
ignore-requirements\t'Orderings count, requirements do not'
isolate\t'Stop everything that the unit does not need; start only'
flush\t'Replace them, and take back every other queued job'
triggering\t'Stop what would start the unit again as well; stop only'
restart-dependencies\t'Restart the units that depend on it as well; start only'"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand try-reload-or-restart" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand try-reload-or-restart" -l no-block -d 'Queue the jobs and do not wait for them'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand try-reload-or-restart" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand try-reload-or-restart" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand try-reload-or-restart" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand isolate" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand isolate" -l no-block -d 'Queue the jobs and do not wait for them'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand isolate" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand isolate" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand isolate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand cancel" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand cancel" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand cancel" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand cancel" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand kill" -s s -l signal -d 'The signal, by name or number' -r
complete -c runnerctl -n "__fish_runnerctl_using_subcommand kill" -l kill-whom -d 'Which processes of each unit' -r -f -a "all\t'All of them'
main\t'The main process'
control\t'The control process: a start-pre, reload, stop … command'"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand kill" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand kill" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand kill" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand kill" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand clean" -l what -d 'Which directories' -r -f -a "configuration\t''
state\t''
cache\t''
logs\t''
runtime\t''
all\t''"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand clean" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand clean" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand clean" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand clean" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand freeze" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand freeze" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand freeze" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand freeze" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand thaw" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand thaw" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand thaw" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand thaw" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand why" -s n -l lines -d 'How many log lines to show' -r
complete -c runnerctl -n "__fish_runnerctl_using_subcommand why" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand why" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand why" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand why" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand show" -s p -l property -d 'Only these properties, also where they are empty' -r
complete -c runnerctl -n "__fish_runnerctl_using_subcommand show" -s P -d 'The same as -p NAME --value' -r
complete -c runnerctl -n "__fish_runnerctl_using_subcommand show" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand show" -l value -d 'Print the values without the names'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand show" -s a -l all -d 'Properties that are empty too'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand show" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand show" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand cat" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand cat" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand cat" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand cat" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand logs" -s n -l lines -d 'How many of the last lines to begin with' -r
complete -c runnerctl -n "__fish_runnerctl_using_subcommand logs" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand logs" -s f -l follow -d 'Wait for more lines and print them as they come'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand logs" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand logs" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand logs" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand is-active" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand is-active" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand is-active" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand is-active" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand is-failed" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand is-failed" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand is-failed" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand is-failed" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand wait" -l for -d 'What to wait for' -r -f -a "active\t'Active, or reading its configuration again'
ready\t'Active, and no job is queued for it'
inactive\t'Down, or failed'"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand wait" -l timeout -d 'How long at most, such as `90`, `500ms`, `1min 30s` or `infinity`' -r
complete -c runnerctl -n "__fish_runnerctl_using_subcommand wait" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand wait" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand wait" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand wait" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand is-ready" -l timeout -d 'How long at most, such as `90`, `500ms`, `1min 30s` or `infinity`' -r
complete -c runnerctl -n "__fish_runnerctl_using_subcommand is-ready" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand is-ready" -l wait -d 'Wait until all is ready'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand is-ready" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand is-ready" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand is-ready" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand reset-failed" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand reset-failed" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand reset-failed" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand reset-failed" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand check" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand check" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand check" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand import" -s o -l output -d 'Write the unit files into this directory, which is made if it is missing; otherwise they are printed, and the report goes to standard error' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand import" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand import" -l force -d 'Replace unit files that are there'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand import" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand import" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand import" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand export" -s p -l path -d 'Read this directory or unit file instead of the search path; may be said several times' -r -F
complete -c runnerctl -n "__fish_runnerctl_using_subcommand export" -s o -l output -d 'Write the unit files into this directory, which is made if it is missing; otherwise they are printed, and the report goes to standard error' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand export" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand export" -l force -d 'Replace unit files that are there'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand export" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand export" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand run" -s u -l unit -d 'The name of the unit, instead of one made up' -r
complete -c runnerctl -n "__fish_runnerctl_using_subcommand run" -l description -d 'What the unit is, instead of its command line' -r
complete -c runnerctl -n "__fish_runnerctl_using_subcommand run" -s p -l property -d 'Set a setting of the service, by systemd\'s name or ours, such as `MemoryMax=64M`' -r
complete -c runnerctl -n "__fish_runnerctl_using_subcommand run" -s E -l setenv -d 'Set a variable; without `=VALUE`, to what it is here' -r
complete -c runnerctl -n "__fish_runnerctl_using_subcommand run" -l uid -d 'Run as this user' -r
complete -c runnerctl -n "__fish_runnerctl_using_subcommand run" -l gid -d 'Run as this group' -r
complete -c runnerctl -n "__fish_runnerctl_using_subcommand run" -l working-directory -d 'Run in this directory' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand run" -l on-calendar -d 'Start it at these moments (systemd.time(7))' -r
complete -c runnerctl -n "__fish_runnerctl_using_subcommand run" -l on-active -d 'Start it so long from now' -r
complete -c runnerctl -n "__fish_runnerctl_using_subcommand run" -l on-boot -d 'Start it so long after the machine was booted' -r
complete -c runnerctl -n "__fish_runnerctl_using_subcommand run" -l on-startup -d 'Start it so long after runnerd was started' -r
complete -c runnerctl -n "__fish_runnerctl_using_subcommand run" -l on-unit-active -d 'Start it so long after it was last started' -r
complete -c runnerctl -n "__fish_runnerctl_using_subcommand run" -l on-unit-inactive -d 'Start it so long after it last ended' -r
complete -c runnerctl -n "__fish_runnerctl_using_subcommand run" -l timer-property -d 'Set a setting of the timer' -r
complete -c runnerctl -n "__fish_runnerctl_using_subcommand run" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand run" -l wait -d 'Wait until the service has ended, and end as it did'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand run" -s P -l pipe -d 'Give it our standard input, output and error, and wait as with --wait'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand run" -l no-block -d 'Do not even wait until it is started'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand run" -s G -l collect -d 'Forget the unit when it has ended, also if it failed'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand run" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand run" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand plan" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand plan" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand plan" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand plan" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand daemon-reload" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand daemon-reload" -l keep-going -d 'Apply the good files, and keep the last good definition of the others; exit status 1 if there are others'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand daemon-reload" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand daemon-reload" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand daemon-reload" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand list-unit-files" -l unit-dir -d 'Work on the files of this directory and ask no runnerd; may be said several times' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand list-unit-files" -l state -d 'Only those in one of these states' -r
complete -c runnerctl -n "__fish_runnerctl_using_subcommand list-unit-files" -s t -l type -d 'Only units of these kinds' -r -f -a "service\t''
socket\t''
target\t''
timer\t''
path\t''
slice\t''"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand list-unit-files" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand list-unit-files" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand list-unit-files" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand list-unit-files" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand is-enabled" -l unit-dir -d 'Work on the files of this directory and ask no runnerd; may be said several times' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand is-enabled" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand is-enabled" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand is-enabled" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand is-enabled" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand enable" -l unit-dir -d 'Work on the files of this directory and ask no runnerd; may be said several times' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand enable" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand enable" -l no-reload -d 'Do not read the unit files again afterwards'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand enable" -l runtime -d 'Until runnerd\'s runtime directory goes, at the next boot at the latest'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand enable" -s f -l force -d 'Replace links that lead elsewhere'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand enable" -l now -d 'Start the units as well; with `mask`, stop them'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand enable" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand enable" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand enable" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand disable" -l unit-dir -d 'Work on the files of this directory and ask no runnerd; may be said several times' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand disable" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand disable" -l no-reload -d 'Do not read the unit files again afterwards'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand disable" -l runtime -d 'What was enabled with --runtime'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand disable" -l now -d 'Stop the units as well'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand disable" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand disable" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand disable" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand reenable" -l unit-dir -d 'Work on the files of this directory and ask no runnerd; may be said several times' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand reenable" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand reenable" -l no-reload -d 'Do not read the unit files again afterwards'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand reenable" -l runtime -d 'Until runnerd\'s runtime directory goes, at the next boot at the latest'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand reenable" -s f -l force -d 'Replace links that lead elsewhere'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand reenable" -l now -d 'Start the units as well; with `mask`, stop them'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand reenable" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand reenable" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand reenable" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand mask" -l unit-dir -d 'Work on the files of this directory and ask no runnerd; may be said several times' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand mask" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand mask" -l no-reload -d 'Do not read the unit files again afterwards'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand mask" -l runtime -d 'Until runnerd\'s runtime directory goes, at the next boot at the latest'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand mask" -s f -l force -d 'Replace links that lead elsewhere'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand mask" -l now -d 'Start the units as well; with `mask`, stop them'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand mask" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand mask" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand mask" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand unmask" -l unit-dir -d 'Work on the files of this directory and ask no runnerd; may be said several times' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand unmask" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand unmask" -l no-reload -d 'Do not read the unit files again afterwards'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand unmask" -l runtime -d 'What was masked with --runtime'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand unmask" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand unmask" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand unmask" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand revert" -l unit-dir -d 'Work on the files of this directory and ask no runnerd; may be said several times' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand revert" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand revert" -l no-reload -d 'Do not read the unit files again afterwards'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand revert" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand revert" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand revert" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand add-wants" -l unit-dir -d 'Work on the files of this directory and ask no runnerd; may be said several times' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand add-wants" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand add-wants" -l no-reload -d 'Do not read the unit files again afterwards'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand add-wants" -l runtime -d 'Until runnerd\'s runtime directory goes, at the next boot at the latest'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand add-wants" -s f -l force -d 'Replace links that lead elsewhere'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand add-wants" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand add-wants" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand add-wants" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand add-requires" -l unit-dir -d 'Work on the files of this directory and ask no runnerd; may be said several times' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand add-requires" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand add-requires" -l no-reload -d 'Do not read the unit files again afterwards'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand add-requires" -l runtime -d 'Until runnerd\'s runtime directory goes, at the next boot at the latest'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand add-requires" -s f -l force -d 'Replace links that lead elsewhere'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand add-requires" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand add-requires" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand add-requires" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand link" -l unit-dir -d 'Work on the files of this directory and ask no runnerd; may be said several times' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand link" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand link" -l runtime -d 'Until runnerd\'s runtime directory goes, at the next boot at the latest'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand link" -s f -l force -d 'Replace links that lead elsewhere'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand link" -l no-reload -d 'Do not read the unit files again afterwards'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand link" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand link" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand link" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand get-default" -l unit-dir -d 'Work on the files of this directory and ask no runnerd; may be said several times' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand get-default" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand get-default" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand get-default" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand get-default" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand set-default" -l unit-dir -d 'Work on the files of this directory and ask no runnerd; may be said several times' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand set-default" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand set-default" -l no-reload -d 'Do not read the unit files again afterwards'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand set-default" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand set-default" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand set-default" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand set-property" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand set-property" -l runtime -d 'Until runnerd\'s runtime directory goes, at the next boot at the latest'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand set-property" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand set-property" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand set-property" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand edit" -l drop-in -d 'The name of the drop-in' -r
complete -c runnerctl -n "__fish_runnerctl_using_subcommand edit" -l unit-dir -d 'Work on the files of this directory and ask no runnerd; may be said several times' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand edit" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand edit" -l full -d 'The unit file itself instead of a drop-in; a copy goes before that of a package'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand edit" -s f -l force -d 'Also where there is no such unit yet'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand edit" -l stdin -d 'Take the new text from standard input instead of an editor'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand edit" -l runtime -d 'Until runnerd\'s runtime directory goes, at the next boot at the latest'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand edit" -l no-reload -d 'Do not read the unit files again afterwards'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand edit" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand edit" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand edit" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand show-environment" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand show-environment" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand show-environment" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand show-environment" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand set-environment" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand set-environment" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand set-environment" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand set-environment" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand unset-environment" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand unset-environment" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand unset-environment" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand unset-environment" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand import-environment" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand import-environment" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand import-environment" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand import-environment" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand passwd" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand passwd" -l sha1 -d 'A SHA-1 hash, which supervisord takes as well; it is quickly guessed from'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand passwd" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand passwd" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand passwd" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand calendar" -l iterations -d 'How many moments to show of each' -r
complete -c runnerctl -n "__fish_runnerctl_using_subcommand calendar" -l base-time -d 'Moments after this one, such as `2026-11-21 14:30`, `@1700000000`, `tomorrow` or `+2h`' -r
complete -c runnerctl -n "__fish_runnerctl_using_subcommand calendar" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand calendar" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand calendar" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand calendar" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand timespan" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand timespan" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand timespan" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand timespan" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand escape" -l suffix -d 'Append `.KIND` to what comes out' -r
complete -c runnerctl -n "__fish_runnerctl_using_subcommand escape" -l template -d 'Make each text the instance of this template; with --unescape take it out again' -r
complete -c runnerctl -n "__fish_runnerctl_using_subcommand escape" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand escape" -l instance -d 'With --unescape: take the instance out of names'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand escape" -s p -l path -d 'The texts are paths: outer and repeated slashes do not count'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand escape" -s u -l unescape -d 'The other way round'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand escape" -s m -l mangle -d 'Make unit names of whatever was typed: paths become mounts and devices, `.service` is added'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand escape" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand escape" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand escape" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand daemon-reexec" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand daemon-reexec" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand daemon-reexec" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand daemon-reexec" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand shutdown" -l exit-status -d 'The exit status runnerd ends with' -r
complete -c runnerctl -n "__fish_runnerctl_using_subcommand shutdown" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand shutdown" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand shutdown" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand shutdown" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand exit" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand exit" -s f -l force -d 'Give nobody more than a moment to stop'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand exit" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand exit" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand exit" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand version" -l runtime-dir -d 'Runtime directory of the runnerd to talk to' -r -f -a "(__fish_complete_directories)"
complete -c runnerctl -n "__fish_runnerctl_using_subcommand version" -l json -d 'Print one JSON value on standard output instead of text'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand version" -s q -l quiet -d 'Print nothing that was not asked for: no hints, no warnings, no words where the exit status says it'
complete -c runnerctl -n "__fish_runnerctl_using_subcommand version" -s h -l help -d 'Print help (see more with \'--help\')'
