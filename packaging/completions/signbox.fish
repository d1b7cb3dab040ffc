# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_signbox_global_optspecs
    string join \n h/help V/version
end

function __fish_signbox_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_signbox_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_signbox_using_subcommand
    set -l cmd (__fish_signbox_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c signbox -n "__fish_signbox_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c signbox -n "__fish_signbox_needs_command" -s V -l version -d 'Print version'
complete -c signbox -n "__fish_signbox_needs_command" -f -a "add" -d 'Put a secret into the kernel keyring'
complete -c signbox -n "__fish_signbox_needs_command" -f -a "keygen" -d 'Draw a new private key and put it into the kernel keyring'
complete -c signbox -n "__fish_signbox_needs_command" -f -a "setup" -d 'Give a bot a signer under a user of its own'
complete -c signbox -n "__fish_signbox_needs_command" -f -a "adopt" -d 'Move the secrets in a bot\'s file into the kernel keyring'
complete -c signbox -n "__fish_signbox_needs_command" -f -a "scan" -d 'Find what looks like an exchange\'s secret in files'
complete -c signbox -n "__fish_signbox_needs_command" -f -a "placeholder" -d 'Print what can stand where a library wants the secret'
complete -c signbox -n "__fish_signbox_needs_command" -f -a "list" -d 'Show the keys that this user can see'
complete -c signbox -n "__fish_signbox_needs_command" -f -a "show" -d 'Show what is known about a key, but never its secret'
complete -c signbox -n "__fish_signbox_needs_command" -f -a "revoke" -d 'Make keys useless at once, also for signers that are running'
complete -c signbox -n "__fish_signbox_needs_command" -f -a "remove" -d 'Take keys out of the keyring they are kept in'
complete -c signbox -n "__fish_signbox_needs_command" -f -a "timeout" -d 'Set or take off the time after which a key is gone'
complete -c signbox -n "__fish_signbox_needs_command" -f -a "sign" -d 'Sign one request'
complete -c signbox -n "__fish_signbox_needs_command" -f -a "check" -d 'Say whether a request would be signed, and by which rule'
complete -c signbox -n "__fish_signbox_needs_command" -f -a "run" -d 'Start a program that can have requests signed but cannot reach the keys'
complete -c signbox -n "__fish_signbox_needs_command" -f -a "audit" -d 'Show, check and retell what signers have written down'
complete -c signbox -n "__fish_signbox_needs_command" -f -a "watch" -d 'Hand a signer\'s standard error on, and run the hooks for the alerts in it'
complete -c signbox -n "__fish_signbox_needs_command" -f -a "panic" -d 'Stop everything: revoke all keys, kill all signers, gather evidence, and say what to do at the exchanges'
complete -c signbox -n "__fish_signbox_needs_command" -f -a "doctor" -d 'Show what this kernel and this start give, and what to do about each point'
complete -c signbox -n "__fish_signbox_needs_command" -f -a "exchanges" -d 'Show the exchanges, and what a signature of each covers'
complete -c signbox -n "__fish_signbox_needs_command" -f -a "demo" -d 'See it work, with keys that exchanges publish as examples'
complete -c signbox -n "__fish_signbox_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c signbox -n "__fish_signbox_using_subcommand add" -l secret-fd -d 'Read the secret from this descriptor instead of the terminal, and the passphrase from its second line' -r
complete -c signbox -n "__fish_signbox_using_subcommand add" -l key -d 'The API key, the public half that the exchange shows' -r
complete -c signbox -n "__fish_signbox_using_subcommand add" -l uid -d 'The account number, client id or memo, where the exchange has one' -r
complete -c signbox -n "__fish_signbox_using_subcommand add" -l allow -d 'What the key may be used for: read, trade, cancel, transfer, withdraw, admin, unknown, raw, login' -r
complete -c signbox -n "__fish_signbox_using_subcommand add" -l limit -d 'A limit on what is signed, see signbox-policy(5): \'symbols=BTCUSDT\', \'notional=1000\'; may be given more than once' -r
complete -c signbox -n "__fish_signbox_using_subcommand add" -l accept-unenforced -d 'Limits that may be there though the exchange does not sign what they are on, so that they hold what is asked for alone' -r
complete -c signbox -n "__fish_signbox_using_subcommand add" -l timeout -d 'Forget the key after this long: 90s, 30m, 8h, 7d' -r
complete -c signbox -n "__fish_signbox_using_subcommand add" -l keyring -d 'Where to keep it [default: session]' -r -f -a "session\t'Gone at logout; other sessions of the user cannot read it'
user\t'Gone at reboot; open to every process of the user'
persistent\t'As user, and gone after three days without use'"
complete -c signbox -n "__fish_signbox_using_subcommand add" -l users -d 'As root: make a group key that these users\' bots can use and none of them can read' -r
complete -c signbox -n "__fish_signbox_using_subcommand add" -l service -d 'As root: keep it for the service of this name, which answers the user that it was set up for' -r
complete -c signbox -n "__fish_signbox_using_subcommand add" -l group -d 'The group of the installed signer, for --users' -r
complete -c signbox -n "__fish_signbox_using_subcommand add" -l skew -d 'How far the time of a request may be from the clock, in seconds, or \'off\'' -r
complete -c signbox -n "__fish_signbox_using_subcommand add" -l passphrase -d 'Ask for a passphrase as well (always asked for where the exchange has one)'
complete -c signbox -n "__fish_signbox_using_subcommand add" -l credential -d 'For a service: keep it encrypted on disk as well, for the next start of the machine (systemd-creds(1))'
complete -c signbox -n "__fish_signbox_using_subcommand add" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c signbox -n "__fish_signbox_using_subcommand keygen" -l type -d 'The kind of key [default: the one that the exchange takes, ed25519 first]' -r -f -a "ed25519\t'Ed25519'
p256\t'ECDSA on P-256, also called ES256'"
complete -c signbox -n "__fish_signbox_using_subcommand keygen" -l key -d 'The API key, the public half that the exchange shows' -r
complete -c signbox -n "__fish_signbox_using_subcommand keygen" -l uid -d 'The account number, client id or memo, where the exchange has one' -r
complete -c signbox -n "__fish_signbox_using_subcommand keygen" -l allow -d 'What the key may be used for: read, trade, cancel, transfer, withdraw, admin, unknown, raw, login' -r
complete -c signbox -n "__fish_signbox_using_subcommand keygen" -l limit -d 'A limit on what is signed, see signbox-policy(5): \'symbols=BTCUSDT\', \'notional=1000\'; may be given more than once' -r
complete -c signbox -n "__fish_signbox_using_subcommand keygen" -l accept-unenforced -d 'Limits that may be there though the exchange does not sign what they are on, so that they hold what is asked for alone' -r
complete -c signbox -n "__fish_signbox_using_subcommand keygen" -l timeout -d 'Forget the key after this long: 90s, 30m, 8h, 7d' -r
complete -c signbox -n "__fish_signbox_using_subcommand keygen" -l keyring -d 'Where to keep it [default: session]' -r -f -a "session\t'Gone at logout; other sessions of the user cannot read it'
user\t'Gone at reboot; open to every process of the user'
persistent\t'As user, and gone after three days without use'"
complete -c signbox -n "__fish_signbox_using_subcommand keygen" -l users -d 'As root: make a group key that these users\' bots can use and none of them can read' -r
complete -c signbox -n "__fish_signbox_using_subcommand keygen" -l service -d 'As root: keep it for the service of this name, which answers the user that it was set up for' -r
complete -c signbox -n "__fish_signbox_using_subcommand keygen" -l group -d 'The group of the installed signer, for --users' -r
complete -c signbox -n "__fish_signbox_using_subcommand keygen" -l skew -d 'How far the time of a request may be from the clock, in seconds, or \'off\'' -r
complete -c signbox -n "__fish_signbox_using_subcommand keygen" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c signbox -n "__fish_signbox_using_subcommand setup" -l user -d 'The user that the bot runs as' -r
complete -c signbox -n "__fish_signbox_using_subcommand setup" -l remove -d 'Stop the service and remove its keys, credentials, settings and user; what it wrote down stays'
complete -c signbox -n "__fish_signbox_using_subcommand setup" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c signbox -n "__fish_signbox_using_subcommand adopt" -l exchange -d 'The exchange, where nothing in the file says it' -r
complete -c signbox -n "__fish_signbox_using_subcommand adopt" -l label -d 'The label of the keys\' handles, EXCHANGE/LABEL [default: main]' -r
complete -c signbox -n "__fish_signbox_using_subcommand adopt" -l password-fd -d 'Read hummingbot\'s password from this descriptor instead of the terminal' -r
complete -c signbox -n "__fish_signbox_using_subcommand adopt" -l allow -d 'What the key may be used for: read, trade, cancel, transfer, withdraw, admin, unknown, raw, login' -r
complete -c signbox -n "__fish_signbox_using_subcommand adopt" -l limit -d 'A limit on what is signed, see signbox-policy(5): \'symbols=BTCUSDT\', \'notional=1000\'; may be given more than once' -r
complete -c signbox -n "__fish_signbox_using_subcommand adopt" -l accept-unenforced -d 'Limits that may be there though the exchange does not sign what they are on, so that they hold what is asked for alone' -r
complete -c signbox -n "__fish_signbox_using_subcommand adopt" -l timeout -d 'Forget the key after this long: 90s, 30m, 8h, 7d' -r
complete -c signbox -n "__fish_signbox_using_subcommand adopt" -l keyring -d 'Where to keep it [default: session]' -r -f -a "session\t'Gone at logout; other sessions of the user cannot read it'
user\t'Gone at reboot; open to every process of the user'
persistent\t'As user, and gone after three days without use'"
complete -c signbox -n "__fish_signbox_using_subcommand adopt" -l users -d 'As root: make a group key that these users\' bots can use and none of them can read' -r
complete -c signbox -n "__fish_signbox_using_subcommand adopt" -l service -d 'As root: keep it for the service of this name, which answers the user that it was set up for' -r
complete -c signbox -n "__fish_signbox_using_subcommand adopt" -l group -d 'The group of the installed signer, for --users' -r
complete -c signbox -n "__fish_signbox_using_subcommand adopt" -l skew -d 'How far the time of a request may be from the clock, in seconds, or \'off\'' -r
complete -c signbox -n "__fish_signbox_using_subcommand adopt" -l replace -d 'Put the secret in the place of another one that a key of this name holds'
complete -c signbox -n "__fish_signbox_using_subcommand adopt" -l dry-run -d 'Say what would be done, and do nothing'
complete -c signbox -n "__fish_signbox_using_subcommand adopt" -l yes -d 'Do not ask; needed where there is no terminal'
complete -c signbox -n "__fish_signbox_using_subcommand adopt" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c signbox -n "__fish_signbox_using_subcommand scan" -l json -d 'One JSON list instead of lines'
complete -c signbox -n "__fish_signbox_using_subcommand scan" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c signbox -n "__fish_signbox_using_subcommand placeholder" -l type -d 'The kind of secret [default: hmac, or what the exchange takes]' -r -f -a "hmac\t'A text that both sides know'
ed25519\t'Ed25519'
rsa\t'RSA'
p256\t'ECDSA on P-256, also called ES256'
secp256k1\t'The private key of a wallet'"
complete -c signbox -n "__fish_signbox_using_subcommand placeholder" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c signbox -n "__fish_signbox_using_subcommand list" -l service -d 'Keys of the service of this name, see \'signbox setup\'' -r
complete -c signbox -n "__fish_signbox_using_subcommand list" -l json -d 'One JSON list instead of a table'
complete -c signbox -n "__fish_signbox_using_subcommand list" -s h -l help -d 'Print help'
complete -c signbox -n "__fish_signbox_using_subcommand show" -l service -d 'Keys of the service of this name, see \'signbox setup\'' -r
complete -c signbox -n "__fish_signbox_using_subcommand show" -l json -d 'One JSON object instead of text'
complete -c signbox -n "__fish_signbox_using_subcommand show" -s h -l help -d 'Print help'
complete -c signbox -n "__fish_signbox_using_subcommand revoke" -l service -d 'Keys of the service of this name, see \'signbox setup\'' -r
complete -c signbox -n "__fish_signbox_using_subcommand revoke" -s h -l help -d 'Print help'
complete -c signbox -n "__fish_signbox_using_subcommand remove" -l service -d 'Keys of the service of this name, see \'signbox setup\'' -r
complete -c signbox -n "__fish_signbox_using_subcommand remove" -s h -l help -d 'Print help'
complete -c signbox -n "__fish_signbox_using_subcommand timeout" -l service -d 'Keys of the service of this name, see \'signbox setup\'' -r
complete -c signbox -n "__fish_signbox_using_subcommand timeout" -s h -l help -d 'Print help'
complete -c signbox -n "__fish_signbox_using_subcommand sign" -s H -l header -d 'A header, \'Name: value\'; may be given more than once' -r
complete -c signbox -n "__fish_signbox_using_subcommand sign" -s d -l body -d 'The body, as it is sent' -r
complete -c signbox -n "__fish_signbox_using_subcommand sign" -l reference -d 'The market\'s price, for limits that need one: a number, or \'BTCUSDT:64000 ETHUSDT:3400\'' -r
complete -c signbox -n "__fish_signbox_using_subcommand sign" -l service -d 'Keys of the service of this name, see \'signbox setup\'' -r
complete -c signbox -n "__fish_signbox_using_subcommand sign" -l max-skew -d 'How far the time of a request may be from the clock, in seconds, or \'off\'' -r
complete -c signbox -n "__fish_signbox_using_subcommand sign" -l memory -d 'What the signer\'s memory is made of' -r -f -a "auto\t''
secretmem\t''
mlock\t''"
complete -c signbox -n "__fish_signbox_using_subcommand sign" -l state -d 'Where counts and the audit log are kept [default: in memory, and no log; those of group keys are in /var/lib/signbox]' -r -F
complete -c signbox -n "__fish_signbox_using_subcommand sign" -l curl -d 'Print a curl configuration that sends the request: pipe it into \'curl --config -\''
complete -c signbox -n "__fish_signbox_using_subcommand sign" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c signbox -n "__fish_signbox_using_subcommand check" -s H -l header -d 'A header, \'Name: value\'; may be given more than once' -r
complete -c signbox -n "__fish_signbox_using_subcommand check" -s d -l body -d 'The body, as it is sent' -r
complete -c signbox -n "__fish_signbox_using_subcommand check" -l reference -d 'The market\'s price, for limits that need one: a number, or \'BTCUSDT:64000 ETHUSDT:3400\'' -r
complete -c signbox -n "__fish_signbox_using_subcommand check" -l service -d 'Keys of the service of this name, see \'signbox setup\'' -r
complete -c signbox -n "__fish_signbox_using_subcommand check" -l max-skew -d 'How far the time of a request may be from the clock, in seconds, or \'off\'' -r
complete -c signbox -n "__fish_signbox_using_subcommand check" -l memory -d 'What the signer\'s memory is made of' -r -f -a "auto\t''
secretmem\t''
mlock\t''"
complete -c signbox -n "__fish_signbox_using_subcommand check" -l state -d 'Where counts and the audit log are kept [default: in memory, and no log; those of group keys are in /var/lib/signbox]' -r -F
complete -c signbox -n "__fish_signbox_using_subcommand check" -l json -d 'Print the signer\'s answer as JSON'
complete -c signbox -n "__fish_signbox_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c signbox -n "__fish_signbox_using_subcommand run" -l max-skew -d 'How far the time of a request may be from the clock, in seconds, or \'off\'' -r
complete -c signbox -n "__fish_signbox_using_subcommand run" -l memory -d 'What the signer\'s memory is made of' -r -f -a "auto\t''
secretmem\t''
mlock\t''"
complete -c signbox -n "__fish_signbox_using_subcommand run" -l state -d 'Where counts and the audit log are kept [default: in memory, and no log; those of group keys are in /var/lib/signbox]' -r -F
complete -c signbox -n "__fish_signbox_using_subcommand run" -l claim -d 'Claim the keys: from then on no other process can read them, and they end with the signer'
complete -c signbox -n "__fish_signbox_using_subcommand run" -l socketpair -d 'One socket instead of two pipes: slower, but no other process of the user can open its ends'
complete -c signbox -n "__fish_signbox_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c signbox -n "__fish_signbox_using_subcommand audit; and not __fish_seen_subcommand_from show verify report rotate help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c signbox -n "__fish_signbox_using_subcommand audit; and not __fish_seen_subcommand_from show verify report rotate help" -f -a "show" -d 'Show the decisions, a line each'
complete -c signbox -n "__fish_signbox_using_subcommand audit; and not __fish_seen_subcommand_from show verify report rotate help" -f -a "verify" -d 'Find out whether a log is whole: no line changed, taken away, added or moved'
complete -c signbox -n "__fish_signbox_using_subcommand audit; and not __fish_seen_subcommand_from show verify report rotate help" -f -a "report" -d 'Say in plain words what bots did on a day'
complete -c signbox -n "__fish_signbox_using_subcommand audit; and not __fish_seen_subcommand_from show verify report rotate help" -f -a "rotate" -d 'Put the lines of a log aside into a file of their own'
complete -c signbox -n "__fish_signbox_using_subcommand audit; and not __fish_seen_subcommand_from show verify report rotate help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c signbox -n "__fish_signbox_using_subcommand audit; and __fish_seen_subcommand_from show" -l state -d 'Where the signers keep their logs' -r -F
complete -c signbox -n "__fish_signbox_using_subcommand audit; and __fish_seen_subcommand_from show" -l since -d 'Only from then on: \'today\', 2026-11-22, 2026-11-22T09:30 (all UTC), or 30m, 8h, 7d ago' -r
complete -c signbox -n "__fish_signbox_using_subcommand audit; and __fish_seen_subcommand_from show" -l refused -d 'Only what was refused'
complete -c signbox -n "__fish_signbox_using_subcommand audit; and __fish_seen_subcommand_from show" -l json -d 'The lines as they stand in the log'
complete -c signbox -n "__fish_signbox_using_subcommand audit; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c signbox -n "__fish_signbox_using_subcommand audit; and __fish_seen_subcommand_from verify" -l state -d 'Where the signers keep their logs' -r -F
complete -c signbox -n "__fish_signbox_using_subcommand audit; and __fish_seen_subcommand_from verify" -l public -d 'An audit key that was noted before: it must have signed here; may be given more than once' -r
complete -c signbox -n "__fish_signbox_using_subcommand audit; and __fish_seen_subcommand_from verify" -l head -d 'The hash of a last line that was noted before: that line must still be there' -r
complete -c signbox -n "__fish_signbox_using_subcommand audit; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c signbox -n "__fish_signbox_using_subcommand audit; and __fish_seen_subcommand_from report" -l state -d 'Where the signers keep their logs' -r -F
complete -c signbox -n "__fish_signbox_using_subcommand audit; and __fish_seen_subcommand_from report" -l day -d 'The day, in UTC [default: today]' -r
complete -c signbox -n "__fish_signbox_using_subcommand audit; and __fish_seen_subcommand_from report" -s h -l help -d 'Print help'
complete -c signbox -n "__fish_signbox_using_subcommand audit; and __fish_seen_subcommand_from rotate" -l state -d 'Where the signers keep their logs' -r -F
complete -c signbox -n "__fish_signbox_using_subcommand audit; and __fish_seen_subcommand_from rotate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c signbox -n "__fish_signbox_using_subcommand audit; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show the decisions, a line each'
complete -c signbox -n "__fish_signbox_using_subcommand audit; and __fish_seen_subcommand_from help" -f -a "verify" -d 'Find out whether a log is whole: no line changed, taken away, added or moved'
complete -c signbox -n "__fish_signbox_using_subcommand audit; and __fish_seen_subcommand_from help" -f -a "report" -d 'Say in plain words what bots did on a day'
complete -c signbox -n "__fish_signbox_using_subcommand audit; and __fish_seen_subcommand_from help" -f -a "rotate" -d 'Put the lines of a log aside into a file of their own'
complete -c signbox -n "__fish_signbox_using_subcommand audit; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c signbox -n "__fish_signbox_using_subcommand watch" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c signbox -n "__fish_signbox_using_subcommand panic" -l evidence -d 'Where to make the folder with the evidence [default: here]' -r -F
complete -c signbox -n "__fish_signbox_using_subcommand panic" -l state -d 'Where the audit logs and ledgers are [default: /var/lib/signbox]' -r -F
complete -c signbox -n "__fish_signbox_using_subcommand panic" -l yes -d 'Do not ask; needed where there is no terminal'
complete -c signbox -n "__fish_signbox_using_subcommand panic" -l drill -d 'Try it on made-up keys with signers of their own; nothing else is touched'
complete -c signbox -n "__fish_signbox_using_subcommand panic" -l all-users -d 'As root: the keys and signers of all users'
complete -c signbox -n "__fish_signbox_using_subcommand panic" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c signbox -n "__fish_signbox_using_subcommand doctor" -l json -d 'One JSON list instead of text'
complete -c signbox -n "__fish_signbox_using_subcommand doctor" -s h -l help -d 'Print help'
complete -c signbox -n "__fish_signbox_using_subcommand exchanges" -l json -d 'JSON instead of text'
complete -c signbox -n "__fish_signbox_using_subcommand exchanges" -s h -l help -d 'Print help'
complete -c signbox -n "__fish_signbox_using_subcommand demo" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c signbox -n "__fish_signbox_using_subcommand help; and not __fish_seen_subcommand_from add keygen setup adopt scan placeholder list show revoke remove timeout sign check run audit watch panic doctor exchanges demo help" -f -a "add" -d 'Put a secret into the kernel keyring'
complete -c signbox -n "__fish_signbox_using_subcommand help; and not __fish_seen_subcommand_from add keygen setup adopt scan placeholder list show revoke remove timeout sign check run audit watch panic doctor exchanges demo help" -f -a "keygen" -d 'Draw a new private key and put it into the kernel keyring'
complete -c signbox -n "__fish_signbox_using_subcommand help; and not __fish_seen_subcommand_from add keygen setup adopt scan placeholder list show revoke remove timeout sign check run audit watch panic doctor exchanges demo help" -f -a "setup" -d 'Give a bot a signer under a user of its own'
complete -c signbox -n "__fish_signbox_using_subcommand help; and not __fish_seen_subcommand_from add keygen setup adopt scan placeholder list show revoke remove timeout sign check run audit watch panic doctor exchanges demo help" -f -a "adopt" -d 'Move the secrets in a bot\'s file into the kernel keyring'
complete -c signbox -n "__fish_signbox_using_subcommand help; and not __fish_seen_subcommand_from add keygen setup adopt scan placeholder list show revoke remove timeout sign check run audit watch panic doctor exchanges demo help" -f -a "scan" -d 'Find what looks like an exchange\'s secret in files'
complete -c signbox -n "__fish_signbox_using_subcommand help; and not __fish_seen_subcommand_from add keygen setup adopt scan placeholder list show revoke remove timeout sign check run audit watch panic doctor exchanges demo help" -f -a "placeholder" -d 'Print what can stand where a library wants the secret'
complete -c signbox -n "__fish_signbox_using_subcommand help; and not __fish_seen_subcommand_from add keygen setup adopt scan placeholder list show revoke remove timeout sign check run audit watch panic doctor exchanges demo help" -f -a "list" -d 'Show the keys that this user can see'
complete -c signbox -n "__fish_signbox_using_subcommand help; and not __fish_seen_subcommand_from add keygen setup adopt scan placeholder list show revoke remove timeout sign check run audit watch panic doctor exchanges demo help" -f -a "show" -d 'Show what is known about a key, but never its secret'
complete -c signbox -n "__fish_signbox_using_subcommand help; and not __fish_seen_subcommand_from add keygen setup adopt scan placeholder list show revoke remove timeout sign check run audit watch panic doctor exchanges demo help" -f -a "revoke" -d 'Make keys useless at once, also for signers that are running'
complete -c signbox -n "__fish_signbox_using_subcommand help; and not __fish_seen_subcommand_from add keygen setup adopt scan placeholder list show revoke remove timeout sign check run audit watch panic doctor exchanges demo help" -f -a "remove" -d 'Take keys out of the keyring they are kept in'
complete -c signbox -n "__fish_signbox_using_subcommand help; and not __fish_seen_subcommand_from add keygen setup adopt scan placeholder list show revoke remove timeout sign check run audit watch panic doctor exchanges demo help" -f -a "timeout" -d 'Set or take off the time after which a key is gone'
complete -c signbox -n "__fish_signbox_using_subcommand help; and not __fish_seen_subcommand_from add keygen setup adopt scan placeholder list show revoke remove timeout sign check run audit watch panic doctor exchanges demo help" -f -a "sign" -d 'Sign one request'
complete -c signbox -n "__fish_signbox_using_subcommand help; and not __fish_seen_subcommand_from add keygen setup adopt scan placeholder list show revoke remove timeout sign check run audit watch panic doctor exchanges demo help" -f -a "check" -d 'Say whether a request would be signed, and by which rule'
complete -c signbox -n "__fish_signbox_using_subcommand help; and not __fish_seen_subcommand_from add keygen setup adopt scan placeholder list show revoke remove timeout sign check run audit watch panic doctor exchanges demo help" -f -a "run" -d 'Start a program that can have requests signed but cannot reach the keys'
complete -c signbox -n "__fish_signbox_using_subcommand help; and not __fish_seen_subcommand_from add keygen setup adopt scan placeholder list show revoke remove timeout sign check run audit watch panic doctor exchanges demo help" -f -a "audit" -d 'Show, check and retell what signers have written down'
complete -c signbox -n "__fish_signbox_using_subcommand help; and not __fish_seen_subcommand_from add keygen setup adopt scan placeholder list show revoke remove timeout sign check run audit watch panic doctor exchanges demo help" -f -a "watch" -d 'Hand a signer\'s standard error on, and run the hooks for the alerts in it'
complete -c signbox -n "__fish_signbox_using_subcommand help; and not __fish_seen_subcommand_from add keygen setup adopt scan placeholder list show revoke remove timeout sign check run audit watch panic doctor exchanges demo help" -f -a "panic" -d 'Stop everything: revoke all keys, kill all signers, gather evidence, and say what to do at the exchanges'
complete -c signbox -n "__fish_signbox_using_subcommand help; and not __fish_seen_subcommand_from add keygen setup adopt scan placeholder list show revoke remove timeout sign check run audit watch panic doctor exchanges demo help" -f -a "doctor" -d 'Show what this kernel and this start give, and what to do about each point'
complete -c signbox -n "__fish_signbox_using_subcommand help; and not __fish_seen_subcommand_from add keygen setup adopt scan placeholder list show revoke remove timeout sign check run audit watch panic doctor exchanges demo help" -f -a "exchanges" -d 'Show the exchanges, and what a signature of each covers'
complete -c signbox -n "__fish_signbox_using_subcommand help; and not __fish_seen_subcommand_from add keygen setup adopt scan placeholder list show revoke remove timeout sign check run audit watch panic doctor exchanges demo help" -f -a "demo" -d 'See it work, with keys that exchanges publish as examples'
complete -c signbox -n "__fish_signbox_using_subcommand help; and not __fish_seen_subcommand_from add keygen setup adopt scan placeholder list show revoke remove timeout sign check run audit watch panic doctor exchanges demo help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c signbox -n "__fish_signbox_using_subcommand help; and __fish_seen_subcommand_from audit" -f -a "show" -d 'Show the decisions, a line each'
complete -c signbox -n "__fish_signbox_using_subcommand help; and __fish_seen_subcommand_from audit" -f -a "verify" -d 'Find out whether a log is whole: no line changed, taken away, added or moved'
complete -c signbox -n "__fish_signbox_using_subcommand help; and __fish_seen_subcommand_from audit" -f -a "report" -d 'Say in plain words what bots did on a day'
complete -c signbox -n "__fish_signbox_using_subcommand help; and __fish_seen_subcommand_from audit" -f -a "rotate" -d 'Put the lines of a log aside into a file of their own'
