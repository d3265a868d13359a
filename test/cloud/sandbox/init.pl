# Pid 1 of a sandbox: runs a command, passes signals on to it, reaps whatever is orphaned, and ends with the
# command's exit code (128 + signal if it was killed). The kernel then kills what is left in the sandbox.
use strict;
use warnings;

my $command;
my @early;
for my $name (qw(INT TERM HUP QUIT WINCH USR1 USR2)) {
    $SIG{$name} = sub { $command ? kill($name, $command) : push(@early, $name) };
}

$command = fork() // die "fork: $!";
if ($command == 0) {
    $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP QUIT WINCH USR1 USR2);
    exec { $ARGV[0] } @ARGV or print STDERR "$ARGV[0]: $!\n";
    require POSIX;
    POSIX::_exit(127);
}
kill $_, $command for @early;

while (1) {
    my $pid = waitpid(-1, 0);
    next if $pid != $command;
    exit($? & 127 ? 128 + ($? & 127) : $? >> 8);
}
