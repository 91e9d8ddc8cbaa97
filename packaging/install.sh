#!/bin/sh
# Installs pointsman for the current user, from a directory or an address that has a release.
#
#     sh install.sh                      from the directory that this script lies in
#     sh install.sh --from DIR-OR-URL    from another directory, or from an https address
#     sh install.sh --uninstall          takes out what it put in
#
# A release is what `.ci/release` makes: archives, SHA256SUMS, this script. Nothing needs root, nothing is written
# before the checksum is right, and nothing but the files below the prefix is touched.
set -eu

usage() {
    cat <<'END'
usage: sh install.sh [--from DIR-OR-URL] [--prefix DIR] [--any-path] [--uninstall]

  --from DIR-OR-URL  where the release is (default: $POINTSMAN_FROM, else the directory of this script)
  --prefix DIR       where to install (default: $PREFIX, else ~/.local); the program goes to DIR/bin
  --any-path         install also where PATH does not have DIR/bin
  --uninstall        remove what was installed below the prefix
END
}

say() { printf '%s\n' "$*"; }
fail() { # what, then what to do
    printf 'error: %s\n' "$1" >&2
    printf '  hint: %s\n' "$2" >&2
    exit 1
}

from=${POINTSMAN_FROM:-}
prefix=${PREFIX:-${HOME:?HOME is not set}/.local}
any_path=no
uninstall=no
while [ $# -gt 0 ]; do
    case $1 in
        --from | --prefix)
            [ $# -ge 2 ] || fail "$1 needs a value" "sh install.sh --help"
            if [ "$1" = --from ]; then from=$2; else prefix=$2; fi
            shift ;;
        --from=*) from=${1#--from=} ;;
        --prefix=*) prefix=${1#--prefix=} ;;
        --any-path) any_path=yes ;;
        --uninstall) uninstall=yes ;;
        -h | --help) usage; exit 0 ;;
        *) fail "\`$1\` is not an option" "sh install.sh --help" ;;
    esac
    shift
done
case $prefix in /*) ;; *) prefix=$(pwd)/$prefix ;; esac

program=$prefix/bin/pointsman
man=$prefix/share/man/man1
bash_file=$prefix/share/bash-completion/completions/pointsman
zsh_file=$prefix/share/zsh/site-functions/_pointsman
fish_file=$prefix/share/fish/vendor_completions.d/pointsman.fish

remove_pages() {
    for page in "$man"/pointsman.1 "$man"/pointsman-*.1; do
        if [ -f "$page" ]; then rm -f "$page"; fi
    done
}

if [ "$uninstall" = yes ]; then
    [ -e "$program" ] || fail "pointsman is not installed below $prefix" "give its directory with --prefix"
    rm -f "$program" "$bash_file" "$zsh_file" "$fish_file"
    remove_pages
    say "removed: $program, its manual pages and completions"
    say "kept: your settings and runs (\${XDG_CONFIG_HOME:-~/.config}/pointsman, \${XDG_STATE_HOME:-~/.local/state}/pointsman)"
    exit 0
fi

case ":${PATH:-}:" in
    *":$prefix/bin:"*) ;;
    *)
        [ "$any_path" = yes ] || fail "PATH does not have $prefix/bin, so \`pointsman\` would not be found" \
            "add  export PATH=\"$prefix/bin:\$PATH\"  to your shell's file and open a new shell, or say --any-path" ;;
esac

if [ -z "$from" ]; then
    from=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
    [ -f "$from/SHA256SUMS" ] || fail "there is no release beside this script" "say where one is: --from DIR-OR-URL"
fi
from=${from#file://}

# Only what was really found on that machine is offered: other systems build from source.
system=$(uname -s)
machine=$(uname -m)
[ "$system" = Linux ] || fail "there is no archive for $system" "build it: cargo install --path app"
case $machine in
    x86_64 | amd64) machine=x86_64 ;;
    aarch64 | arm64) machine=aarch64 ;;
    *) fail "there is no archive for $machine" "build it: cargo install --path app" ;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

get() { # a name of the release, to $work
    case $from in
        http://*) fail "$from is not an https address, and anybody on the way could change it" "use https, or a directory" ;;
        https://*)
            if command -v curl >/dev/null 2>&1; then curl -fsSL -o "$work/$1" "$from/$1"
            elif command -v wget >/dev/null 2>&1; then wget -q -O "$work/$1" "$from/$1"
            else fail "neither curl nor wget is there" "download $from/$1 yourself, and use --from DIR"; fi ;;
        *) cp -- "$from/$1" "$work/$1" ;;
    esac || fail "$from/$1 could not be fetched" "check the place given with --from"
}

get SHA256SUMS
# The static one of musl first; the other is for machines of the same kind.
archive=
for libc in musl gnu; do
    [ -n "$archive" ] || archive=$(sed -n "s/^[0-9a-f]\{64\}  \(pointsman-[0-9A-Za-z.+-]*-$machine-unknown-linux-$libc\.tar\.gz\)\$/\1/p" "$work/SHA256SUMS" | head -n 1)
done
[ -n "$archive" ] || fail "the release has no archive for $machine-linux" "build it: cargo install --path app"
get "$archive"

grep -F "  $archive" "$work/SHA256SUMS" >"$work/expected"
if command -v sha256sum >/dev/null 2>&1; then check="sha256sum -c"; else check="shasum -a 256 -c"; fi
(cd "$work" && $check expected >/dev/null 2>&1) ||
    fail "$archive is not what SHA256SUMS says; nothing was installed" "fetch the release again; do not use this archive"

mkdir "$work/unpacked"
tar -xzf "$work/$archive" -C "$work/unpacked"
unpacked=$work/unpacked/${archive%.tar.gz}
"$unpacked/pointsman" --version >/dev/null 2>&1 || fail "the program does not run here" "build it: cargo install --path app"

put() { # a file, to a path, with a mode: in one step, so that nobody ever starts half a program
    mkdir -p "$(dirname "$2")"
    cp "$1" "$2.new"
    chmod "$3" "$2.new"
    mv -f "$2.new" "$2"
}
put "$unpacked/pointsman" "$program" 755
put "$unpacked/completions/pointsman.bash" "$bash_file" 644
put "$unpacked/completions/_pointsman" "$zsh_file" 644
put "$unpacked/completions/pointsman.fish" "$fish_file" 644
remove_pages
for page in "$unpacked"/man/*.1; do put "$page" "$man/$(basename "$page")" 644; done

say "installed: $("$program" --version) at $program, with manual pages and completions"
say "next: pointsman init"
