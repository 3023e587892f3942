"""Files that hold keys and passwords, told from their names: no model reads them, to learn or to complete.

What such a file looks like inside is known to trainer/data/secrets; a name is enough to keep away.
"""

import re

_SECRET_NAME = re.compile(
    r"\.env(\..*|rc)?|.*\.(env|pem|key|p12|pfx|p8|jks|keystore|kdbx?|ppk|pkcs12|ovpn|tfvars|tfstate)(\.backup)?"
    r"|id_(rsa|dsa|ecdsa|ed25519)(_sk)?|[._]netrc|\.pgpass|\.my\.cnf|\.npmrc|\.pypirc|\.git-credentials"
    r"|\.?htpasswd|\.dockercfg|\.vault-token|credentials(\.json|\.csv|\.ya?ml)?|(client_)?secrets?\.(json|ya?ml|toml|ini)"
    r"|service[_-]?account.*\.json|\..*_history|\.terraformrc|master\.key|wp-config\.php",
    re.IGNORECASE,
)
_SECRET_FOLDERS = frozenset({".ssh", ".gnupg", ".aws", ".kube", ".azure"})
_BETWEEN_NAMES = re.compile(r"[/\\]")


def is_secret_name(name: str) -> bool:
    """Of a file, without its folders."""
    return _SECRET_NAME.fullmatch(name) is not None


def is_secret_file(path: str) -> bool:
    *folders, name = _BETWEEN_NAMES.split(path)
    return is_secret_name(name) or not _SECRET_FOLDERS.isdisjoint(folders)
