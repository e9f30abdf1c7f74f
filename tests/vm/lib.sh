# shellcheck shell=bash
# What the scripts of this folder share: where things are, how to complain, and how to reach a
# Debian release other than the host's own through the mirror the host already uses.
#
# Why: the kernels and the Debian 13 root come from other releases than the machine runs; the only
# thing known about the outside world is the machine's apt configuration, so all is derived from it.
# Never: writes below /etc or /var/lib, installs a package, or names a mirror.

vm_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
project=$(cd "$vm_dir/../.." && pwd)
# shellcheck disable=SC2034 # used by those who source this file
cache=$project/build/vm

die()
{
    echo "${0##*/}: $*" >&2
    exit 1
}

# need COMMAND PACKAGE: says which package brings a missing command.
need()
{
    command -v "$1" >/dev/null || die "$1 is missing: apt-get install --no-install-recommends $2"
}

# mirror main|security: the base URI of the host's Debian (security) archive.
mirror()
{
    local codename
    codename=$(. /etc/os-release && echo "${VERSION_CODENAME:?}")
    # Once the host has fetched its lists, the label tells Debian's archive from a foreign one whose
    # suite has the same name; before that the first archive with a fitting suite must do.
    {
        targets
        targets --no-release-info
    } | awk -F'|' -v kind="$1" -v codename="$codename" '
        $3 != "main" { next }
        kind == "main" && $2 !~ "^(" codename "|stable|oldstable)$" { next }
        kind == "security" && $2 !~ "^(" codename "|stable|oldstable)-security$" { next }
        $1 ~ /^Debian(-Security)?$/ { best = best ? best : $4 }
        { other = other ? other : $4 }
        END { uri = best ? best : other; if (uri) print uri; else exit 1 }'
}

# targets OPTIONS...: label, suite, component and base URI of the host's binary archives.
targets()
{
    # shellcheck disable=SC2016 # apt's own variables
    apt-get indextargets "$@" --format '$(LABEL)|$(RELEASE)|$(COMPONENT)|$(REPO_URI)' \
        'Created-By: Packages'
}

# keyring: Debian's archive keys on this host; the package has borne both endings.
keyring()
{
    local k
    for k in /usr/share/keyrings/debian-archive-keyring.{pgp,gpg}; do
        [ -e "$k" ] && echo "$k" && return 0
    done
    return 1
}

# sources SUITE...: apt source entries for these suites, each from the archive that holds it.
sources()
{
    local suite uri keys
    keys=$(keyring) || die "no archive keyring: apt-get install debian-archive-keyring"
    for suite; do
        case $suite in
        *-security) uri=$(mirror security) || continue ;;
        *) uri=$(mirror main) || die "no Debian archive in this machine's apt configuration" ;;
        esac
        printf 'deb [arch=amd64 signed-by=%s] %s %s main\n' "$keys" "$uri" "$suite"
    done
}

# transport: how this host's apt reaches its mirror (proxies, date checks, retries), as options.
transport()
{
    apt-config dump | grep -E '^Acquire::(https?|ftp|Check-|Retries|ForceIPv|Max-|Min-)' || true
}
