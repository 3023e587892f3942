#!/bin/sh
# disk_image.sh APP FILE: signs the app, has Apple look at it, and puts it into a disk image. packaging/build.py starts
# it. Written from Apple's documentation; not run here.
#
# Without an identity the app is signed for this machine alone; others open it by a right click and Open, or after
#   xattr -dr com.apple.quarantine SmallCoder.app
# With one (a Developer ID Application certificate in the keychain) it is signed for everybody, and notarised where
# notarytool has stored a profile:
#   xcrun notarytool store-credentials smallcoder --apple-id NAME --team-id TEAM --password APP-PASSWORD
#   SMALLCODER_IDENTITY="Developer ID Application: NAME (TEAM)" SMALLCODER_NOTARY=smallcoder python3 packaging/build.py
set -eu
app=$1 file=$2
here=$(cd "$(dirname "$0")" && pwd -P)
identity=${SMALLCODER_IDENTITY:--}
if [ "$identity" = - ]; then stamp=--timestamp=none; else stamp=--timestamp; fi

# from the inside out: a signature covers those of what it contains
find "$app/Contents" -type f \( -name '*.so' -o -name '*.dylib' -o -path '*.framework/Versions/*' -perm +111 \) \
    -exec codesign --force "$stamp" --options runtime --sign "$identity" {} \;
codesign --force "$stamp" --options runtime --entitlements "$here/entitlements.plist" --sign "$identity" \
    "$app/Contents/MacOS/smallcoder"
codesign --force "$stamp" --options runtime --entitlements "$here/entitlements.plist" --sign "$identity" "$app"
codesign --verify --deep --strict "$app"

if [ -n "${SMALLCODER_NOTARY:-}" ]; then
    ditto -c -k --keepParent "$app" "$file.zip" # a plain zip would lose the links in it
    xcrun notarytool submit "$file.zip" --keychain-profile "$SMALLCODER_NOTARY" --wait
    rm "$file.zip"
    xcrun stapler staple "$app"
fi

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
ditto "$app" "$place/SmallCoder.app"
cp "$(dirname "$app")/README.txt" "$place/"
ln -s /Applications "$place/Applications"
hdiutil create -volname SmallCoder -srcfolder "$place" -fs HFS+ -format ULFO -ov "$file"
