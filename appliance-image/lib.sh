# shellcheck shell=bash
# What the steps share: where things are, which time it is, and how to run a program of Debian 13.
#
# Why: an image that is built on Debian 12 must be the one that is built on Debian 13, so all tools
# but mmdebstrap come from one Debian 13 root, and every time stamp is that of the source.
# Never: names a mirror, installs on the host, or writes outside build/image.

# shellcheck source=../tests/vm/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../tests/vm/lib.sh"

# shellcheck disable=SC2034 # used by those who source this file
here=$project/appliance-image
top=${PENSTOCK_IMAGE_DIR:-$project/build/image}
tools=$top/tools
# The steps' own files: $work on the host is $inner for the programs of the tools root.
# PENSTOCK_IMAGE_WORK names another one, in which a second version is made of the first's parts.
inner=/var/cache/${PENSTOCK_IMAGE_WORK:-image}
# shellcheck disable=SC2034
work=$tools$inner
umask 022
export LC_ALL=C.UTF-8 TZ=UTC

# The source's time: of its last commit, or of its Makefile where there is no history.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$project" log -1 --format=%ct 2>/dev/null ||
    stat -c %Y "$project/Makefile")}
export SOURCE_DATE_EPOCH

# Whose keys sign, in this folder: image.key and image.pem (kernel image), update.key (updates).
keys=${PENSTOCK_IMAGE_KEYS:-$top/keys}
# Of the system that is made, as a date: os-release, names of kernel images and updates have it.
# shellcheck disable=SC2034
release_version=$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y%m%d%H%M%S)

say()
{
    echo "image: $*" >&2
}

# inside COMMAND ARGS...: runs it in the tools root, at the project's directory.
inside()
{
    (cd "$project" && tests/vm/in-trixie "$tools" \
        env SOURCE_DATE_EPOCH="$SOURCE_DATE_EPOCH" LC_ALL=C.UTF-8 TZ=UTC "$@")
}

# packages PURPOSE: the names of that purpose, one a line.
packages()
{
    sed -n "s/^$1 //p" "$here/packages" | tr ' ' '\n'
}

# digest FILE...: one SHA-256 over the names and contents of these files and directories.
digest()
{
    find "$@" -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1
}
