# Puts FILE over TARGET for the process PID, which has mounts of its own, where FILE is not to be seen.
#   mount-over.pl FILE PID TARGET
use strict;
use warnings;
use POSIX ();
my ($file, $pid, $target) = @ARGV;
# <asm/unistd.h>, <fcntl.h> and <linux/mount.h>
my ($open_tree, $move_mount, $setns) = (428, 429, (POSIX::uname())[4] eq 'aarch64' ? 268 : 308);
my ($at_cwd, $clone, $empty_path, $mounts) = (-100, 1, 4, 0x20000);
my ($none, $here) = ("", "");
my $tree = syscall($open_tree, $at_cwd, $file, $clone);
die "$file: $!\n" if $tree < 0;
open(my $namespace, '<', "/proc/$pid/ns/mnt") or die "/proc/$pid/ns/mnt: $!\n";
syscall($setns, fileno($namespace), $mounts) == 0 or die "setns: $!\n";
syscall($move_mount, $tree, $none, $at_cwd, $target, $empty_path) == 0 or die "$target: $!\n";
