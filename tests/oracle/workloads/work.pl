# Hashes, regular expressions, sorting, recursion, eval with die (longjmp); repeated $ARGV[0] times.
use strict;
use warnings;

sub fib { my $n = shift; return $n < 2 ? $n : fib($n - 1) + fib($n - 2) }

for my $round (1 .. $ARGV[0]) {
    my (%words, $n_matches, $n_died);
    $words{"k" . ($_ * 7919 % 10007)} .= chr(65 + $_ % 26) for 1 .. 150_000;
    my $text = join ",", map {"$_=$words{$_}"} sort { $a cmp $b } keys %words;
    for (1 .. 10) { $n_matches++ while $text =~ /([A-Z]{3})(k\d+)?/g }
    for (1 .. 20_000) { eval { die "no\n" }; $n_died++ if $@ }
    my @numbers = sort { $a <=> $b } map { ($_ * 7919) % 100_003 } 1 .. 200_000;
    print fib(20), " $n_matches $n_died $numbers[0]\n";
}
