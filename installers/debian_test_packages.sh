#!/bin/sh
# Installs the Debian packages that the tests need. Quick when all of them are there. Where it may not or cannot
# install (not root, not Debian) it says what is missing and goes on: the tests that need it are skipped with the reason.
set -eu

# A real X server with a tray and a window manager; a browser; a compiler for the NVML stand-in; networks of network
# namespaces; what Qt's xcb and offscreen platforms load (chromium brings glib, whose package has another name in
# each release).
PACKAGES="
xvfb trayer openbox xdotool imagemagick x11-utils chromium fonts-dejavu-core
gcc libc6-dev iproute2 nftables conntrack util-linux procps nginx-light wrk nebula faketime libcap2-bin
etcd-server etcd-client systemd
dbus-daemon at-spi2-core libdbus-1-3 libglib2.0-bin libegl1 libfontconfig1 libgl1 libgssapi-krb5-2 libxkbcommon-x11-0
libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-randr0 libxcb-render-util0
libxcb-shape0 libxcb-xinerama0 libxcb-xkb1
"

if ! command -v dpkg-query >/dev/null; then
    echo "Not Debian: tests that need a system program which is not installed are skipped." >&2
    exit 0
fi

# shellcheck disable=SC2086 # the list is words
installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' $PACKAGES 2>/dev/null | sed -n 's/^installed //p')
missing=""
for package in $PACKAGES; do
    case "
$installed
" in
    *"
$package
"*) ;;
    *) missing="$missing $package" ;;
    esac
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ]; then
    echo "Not root, so these system packages stay missing and their tests are skipped:$missing" >&2
    echo "To install them: sudo $0" >&2
    exit 0
fi

echo "Installing system packages for the tests:$missing" >&2
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086
if ! { apt-get update -qq && apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=300 $missing; } >/dev/null
then
    echo "They could not be installed (see above): the tests that need them are skipped." >&2
fi
