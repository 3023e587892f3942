#!/bin/sh
# appimage.sh FOLDER FILE: one file that runs without being unpacked, of the app's folder. Needs appimagetool from
# https://github.com/AppImage/appimagetool/releases on the PATH. Written from its documentation; not run here.
set -eu
app=$1 file=$2
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
mkdir "$place/AppDir"
cp -a "$app" "$place/AppDir/smallcoder"
cp "$app/smallcoder.desktop" "$place/AppDir/"
cp "$app/icons/smallcoder-256.png" "$place/AppDir/smallcoder.png"
ln -s smallcoder.png "$place/AppDir/.DirIcon"
# a command by its name: smallcoder-cli complete ...; the file itself, with or without a command, is the program
cat >"$place/AppDir/AppRun" <<'RUN'
#!/bin/sh
exec "$(dirname "$(readlink -f "$0")")/smallcoder/smallcoder" "$@"
RUN
chmod +x "$place/AppDir/AppRun"
ARCH=$(uname -m) appimagetool --no-appstream "$place/AppDir" "$file"
