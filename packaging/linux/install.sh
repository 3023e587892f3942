#!/bin/sh
# Puts SmallCoder into the menu of the one who runs this, for the kinds of files that it edits; nothing outside the
# home folder is touched. The program stays where it lies. ./install.sh --remove takes all of it out again, with what
# the program can make again; what a person has made with it stays.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
data=${XDG_DATA_HOME:-$HOME/.local/share}
settings=${SMALLCODER_HOME:-${XDG_CONFIG_HOME:-$HOME/.config}/smallcoder}
cache=${SMALLCODER_HOME:+$SMALLCODER_HOME/cache}
cache=${cache:-${XDG_CACHE_HOME:-$HOME/.cache}/smallcoder}
programs=$HOME/.local/bin
entry=$data/applications/smallcoder.desktop
icons=$data/icons/hicolor

# where there is no cache of icons, the folders themselves are read
refresh() {
    if command -v update-desktop-database >/dev/null; then update-desktop-database -q "$data/applications" || true; fi
    if [ -f "$icons/icon-theme.cache" ] && command -v gtk-update-icon-cache >/dev/null; then
        gtk-update-icon-cache -qtf "$icons" || true
    fi
}

# the list of what opens which file, where nothing else is left to be in it; and folders that are empty
tidy() {
    if [ "$(ls -A "$data/applications" 2>/dev/null)" = mimeinfo.cache ]; then rm "$data/applications/mimeinfo.cache"; fi
    for folder in "$icons"/*/apps "$icons"/*; do if [ -d "$folder" ]; then rmdir "$folder" 2>/dev/null || true; fi; done
    rmdir "$icons" "$data/icons" "$data/applications" "$programs" 2>/dev/null || true
}

remove() {
    started=$(readlink "$programs/smallcoder" || true)
    if [ "$started" != "$here/smallcoder" ] && [ -e "$started" ]; then
        echo "install.sh: the menu starts another copy, and stays: ${started%/*}/install.sh --remove takes it out." >&2
        exit 2
    fi
    rm -f "$entry" "$icons"/*/apps/smallcoder.png "$icons"/*/apps/smallcoder.svg
    for name in smallcoder smallcoder-cli; do if [ -L "$programs/$name" ]; then rm "$programs/$name"; fi; done
    rm -rf "$cache"
    refresh
    tidy
    echo "SmallCoder is no longer in the menu; its folder is still $here."
    if [ -d "$settings" ] || [ -d "$data/smallcoder" ]; then
        echo "Yours, and kept: settings in $settings, models, chats and runs in ${SMALLCODER_HOME:-$data/smallcoder}."
    fi
}

case ${1:-} in
    "") ;;
    --remove)
        remove
        exit
        ;;
    *)
        echo "install.sh: $1 is not known; there is --remove, or nothing." >&2
        exit 2
        ;;
esac

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
    mkdir -p "$icons/${size}x$size/apps"
    cp "$picture" "$icons/${size}x$size/apps/smallcoder.png"
done
mkdir -p "$icons/scalable/apps"
cp "$here/icons/smallcoder.svg" "$icons/scalable/apps/smallcoder.svg"
for name in smallcoder smallcoder-cli; do
    if [ -e "$programs/$name" ] && [ ! -L "$programs/$name" ]; then
        echo "$programs/$name is there already and no link, so it is left as it is."
    else
        ln -sf "$here/smallcoder" "$programs/$name"
    fi
done
refresh
echo "SmallCoder is in the menu, and its commands are $programs/smallcoder-cli. Keep the folder $here."
case :$PATH: in
    *":$programs:"*) ;;
    *) echo "A terminal finds them by name once $programs is on your PATH; most systems see to that at the next login." ;;
esac
