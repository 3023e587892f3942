; Inno Setup 6 makes the setup of dist\smallcoder from this; packaging\build.py starts it with the five values below:
;   iscc /DVersion=0.1.0 /DName=smallcoder-0.1.0-win32-amd64 /DFrom=dist\smallcoder /DTo=dist /DIcon=smallcoder.ico
; For the person who runs it alone, so that no administrator is asked. Written from the documentation; not run here.
; A setup that is not signed is warned of by SmartScreen. Signing: add /Ssigntool="signtool sign /fd sha256 /tr
; http://timestamp.digicert.com /td sha256 /a $f" /DSigned, with a certificate in the store of Windows.

[Setup]
AppId={{6E8B6D2C-6E0B-4E55-9E8A-3C6F0A7E5B1D}
AppName=SmallCoder
AppVersion={#Version}
VersionInfoVersion={#Version}
DefaultDirName={autopf}\SmallCoder
DefaultGroupName=SmallCoder
DisableProgramGroupPage=yes
PrivilegesRequired=lowest
PrivilegesRequiredOverridesAllowed=dialog
ArchitecturesAllowed=x64compatible
ArchitecturesInstallIn64BitMode=x64compatible
MinVersion=10.0
LicenseFile={#From}\_internal\licences\SmallCoder.txt
SetupIconFile={#Icon}
UninstallDisplayIcon={app}\smallcoder.exe
OutputDir={#To}
OutputBaseFilename={#Name}
Compression=lzma2/fast
SolidCompression=yes
ChangesAssociations=yes
ChangesEnvironment=yes
CloseApplications=yes
WizardStyle=modern
#ifdef Signed
SignTool=signtool
SignedUninstaller=yes
#endif

[Tasks]
Name: desktopicon; Description: "A sign on the desktop"; Flags: unchecked
Name: contextmenu; Description: "Open with SmallCoder, in the menu of files and folders"
Name: path; Description: "The command smallcoder-cli in every terminal"; Flags: unchecked

[Files]
Source: "{#From}\*"; DestDir: "{app}"; Flags: recursesubdirs createallsubdirs ignoreversion

[InstallDelete]
; parts of an older version must not be found by the new one
Type: filesandordirs; Name: "{app}\_internal"

[Icons]
Name: "{autoprograms}\SmallCoder"; Filename: "{app}\smallcoder.exe"; AppUserModelID: "smallcoder"
Name: "{autodesktop}\SmallCoder"; Filename: "{app}\smallcoder.exe"; Tasks: desktopicon

[Registry]
Root: HKA; Subkey: "Software\Classes\*\shell\SmallCoder"; ValueType: string; ValueData: "Open with SmallCoder"; Flags: uninsdeletekey; Tasks: contextmenu
Root: HKA; Subkey: "Software\Classes\*\shell\SmallCoder"; ValueType: string; ValueName: "Icon"; ValueData: "{app}\smallcoder.exe"; Tasks: contextmenu
Root: HKA; Subkey: "Software\Classes\*\shell\SmallCoder\command"; ValueType: string; ValueData: """{app}\smallcoder.exe"" ""%1"""; Tasks: contextmenu
Root: HKA; Subkey: "Software\Classes\Directory\shell\SmallCoder"; ValueType: string; ValueData: "Open with SmallCoder"; Flags: uninsdeletekey; Tasks: contextmenu
Root: HKA; Subkey: "Software\Classes\Directory\shell\SmallCoder\command"; ValueType: string; ValueData: """{app}\smallcoder.exe"" ""%1"""; Tasks: contextmenu
Root: HKA; Subkey: "Software\Classes\Applications\smallcoder.exe"; Flags: uninsdeletekey
Root: HKA; Subkey: "Software\Classes\Applications\smallcoder.exe\shell\open\command"; ValueType: string; ValueData: """{app}\smallcoder.exe"" ""%1"""
Root: HKCU; Subkey: "Environment"; ValueType: expandsz; ValueName: "Path"; ValueData: "{olddata};{app}"; Tasks: path; Check: NotOnPath(ExpandConstant('{app}'))

[Run]
Filename: "{app}\smallcoder.exe"; Description: "Start SmallCoder"; Flags: nowait postinstall skipifsilent

[Code]
function NotOnPath(Folder: string): Boolean;
var Known: string;
begin
  Result := not RegQueryStringValue(HKCU, 'Environment', 'Path', Known) or (Pos(';' + Lowercase(Folder) + ';', ';' + Lowercase(Known) + ';') = 0);
end;

// what the program can make again goes with it; settings, models, chats and runs are the person's, and stay
procedure CurUninstallStepChanged(Step: TUninstallStep);
var Known: string;
begin
  if Step <> usPostUninstall then exit;
  if RegQueryStringValue(HKCU, 'Environment', 'Path', Known) then
    if StringChangeEx(Known, ';' + ExpandConstant('{app}'), '', True) > 0 then
      RegWriteExpandStringValue(HKCU, 'Environment', 'Path', Known);
  DelTree(ExpandConstant('{localappdata}\smallcoder\Cache'), True, True, True);
end;
