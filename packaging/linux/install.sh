#!/bin/sh
# Puts SmallCoder into the menu of the one who runs this, for the kinds of files that it edits; nothing outside the
# home folder is touched. The program stays where it lies. ./install.sh --remove takes all of it out again.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
data=${XDG_DATA_HOME:-$HOME/.local/share}
programs=$HOME/.local/bin
entry=$data/applications/smallcoder.desktop

refresh() {
    if command -v update-desktop-database >/dev/null; then update-desktop-database -q "$data/applications" || true; fi
    if command -v gtk-update-icon-cache >/dev/null; then gtk-update-icon-cache -qtf "$data/icons/hicolor" || true; fi
}

if [ "${1:-}" = --remove ]; then
    rm -f "$entry" "$programs/smallcoder" "$programs/smallcoder-cli" "$data"/icons/hicolor/*/apps/smallcoder.*
    refresh
    echo "SmallCoder is no longer in the menu; its folder is still $here, and your settings are kept."
    exit 0
elif [ $# -gt 0 ]; then
    echo "install.sh: $1 is not known; there is --remove, or nothing." >&2
    exit 2
fi

mkdir -p "$data/applications" "$programs"
# the rules for Exec: in quotes, where these signs want a backslash, which is itself doubled within a value
quoted=$(printf '%s' "$here/smallcoder" | sed -e 's/\\/\\\\\\\\/g' -e 's/["`$]/\\\\&/g' -e 's/%/%%/g')
sed -e '/^TryExec=/d' "$here/smallcoder.desktop" | while IFS= read -r line; do
    case $line in
        Exec=*) printf 'Exec="%s" %%F\n' "$quoted" ;;
        *) printf '%s\n' "$line" ;;
    esac
done >"$entry"
for picture in "$here"/icons/smallcoder-*.png; do
    size=${picture##*-}
    size=${size%.png}
    mkdir -p "$data/icons/hicolor/${size}x$size/apps"
    cp "$picture" "$data/icons/hicolor/${size}x$size/apps/smallcoder.png"
done
mkdir -p "$data/icons/hicolor/scalable/apps"
cp "$here/icons/smallcoder.svg" "$data/icons/hicolor/scalable/apps/smallcoder.svg"
ln -sf "$here/smallcoder" "$programs/smallcoder"
ln -sf "$here/smallcoder" "$programs/smallcoder-cli"
refresh
echo "SmallCoder is in the menu, and its command is $programs/smallcoder. Keep the folder $here."
