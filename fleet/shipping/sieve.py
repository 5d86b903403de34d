"""Two small programs between a giver's `docker save` and a taker's `docker load`, for Debian's essential packages alone."""

# A tar's header is a block of 512 bytes (tar(5), POSIX ustar): the name at 0, the size at 124, octal, or binary when its
# first bit is set; the type at 156, where x announces records for the next entry, of which "size" may be one.
SIEVE = r"""
use strict; use warnings;
binmode STDIN; binmode STDOUT;
open(my $list, "<", $ARGV[0]) or die "$ARGV[0]: $!\n";
my %spare = map { s/\s+//gr => 1 } <$list>;
my ($next, $before) = (undef, "");
sub take {
  my ($size) = @_;
  my $data = "";
  while (length $data < $size) { read(STDIN, $data, $size - length $data, length $data) or exit 1 }
  return $data;
}
while ((read(STDIN, my $head, 512) // 0) == 512) {
  my $field = substr $head, 124, 12;
  my $size = 0;
  if (ord($field) & 128) { $size = $size * 256 + $_ for unpack "C*", substr $field, 4 }
  else { $size = oct($field =~ /([0-7]+)/ ? $1 : 0) }
  my $type = substr $head, 156, 1;
  ($size, $next) = ($next, undef) if defined $next && $type ne "x";
  my $padded = int(($size + 511) / 512) * 512;
  if ($type eq "x") {
    my $records = take($padded);
    $next = $1 if $records =~ /^\d+ size=(\d+)$/m;
    $before = $head . $records;
    next;
  }
  my ($digest) = unpack("Z100", $head) =~ m{^blobs/sha256/([0-9a-f]{64})$};
  my $given = !($digest && $spare{$digest} && $size > 65536);
  print $before, $head or exit 1 if $given;
  $before = "";
  while ($padded > 0) {
    my $piece = take($padded < 65536 ? $padded : 65536);
    print $piece or exit 1 if $given;
    $padded -= length $piece;
  }
}
"""
"""Perl, of the package perl-base: its argument is a file of digests. Small blobs stay: manifests are among them."""

START = "\\036image\\n"
"""Between what the login shell of root may print and the archive; for printf, and for perl."""

SCALE = rf"""
use strict; use warnings;
binmode STDIN; binmode STDOUT;
$/ = "{START}";
<STDIN>;
my $count = 0;
while (read STDIN, my $piece, 65536) {{ print $piece or exit 1; $count += length $piece }}
open(my $file, ">", $ARGV[0]) or die "$ARGV[0]: $!\n";
print $file $count;
"""
"""Perl: passes on what comes after `START`, and writes its size into the file that its argument names."""
