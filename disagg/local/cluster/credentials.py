"""The key, tokens and kubeconfigs of one control plane: random, private, gone with it.

One self-signed certificate is server, authority and etcd client at once: everything that trusts it
is a child of the same process on the same machine. `cryptography` makes it, because moto, which the
`local` extra brings, depends on it anyway, and an `openssl` program is not on every machine.
"""

import datetime as dt
import importlib
import ipaddress
import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from disagg.errors import MissingToolError

_USERS = {
    "admin": ("admin", "system:masters"),
    "kube-controller-manager": ("system:kube-controller-manager", ""),
    "kube-scheduler": ("system:kube-scheduler", ""),
    "kwok": ("kwok", "system:masters"),
}
"""Token, user and group. Scheduler and controllers are their real users, so RBAC applies."""
_VALID = dt.timedelta(days=7)


@dataclass(frozen=True, kw_only=True, slots=True)
class Credentials:
    """Where the files are."""

    certificate: Path
    key: Path
    token_file: Path
    tokens: dict[str, str]

    def remove(self) -> None:
        """Remove what would let somebody in."""
        for file in (self.key, self.token_file, *self.token_file.parent.glob("*.kubeconfig")):
            file.unlink(missing_ok=True)


def make_credentials(directory: Path) -> Credentials:
    """Write certificate, key and tokens into a directory that only we may read."""
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o700)
    certificate, key = _self_signed()
    made = Credentials(
        certificate=directory / "tls.crt",
        key=directory / "tls.key",
        token_file=directory / "tokens.csv",
        tokens={name: secrets.token_urlsafe(32) for name in _USERS},
    )
    made.certificate.write_bytes(certificate)
    _write_private(made.key, key)
    lines = [
        f'{made.tokens[name]},{user},{user},"{group}"' if group else f"{token},{user},{user}"
        for (name, (user, group)), token in zip(_USERS.items(), made.tokens.values(), strict=True)
    ]
    _write_private(made.token_file, ("\n".join(lines) + "\n").encode())
    return made


def write_kubeconfig(credentials: Credentials, user: str, port: int) -> Path:
    """Write a kubeconfig of one user beside the credentials, and return it."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "rehearsal",
        "clusters": [
            {
                "name": "rehearsal",
                "cluster": {
                    "server": f"https://127.0.0.1:{port}",
                    "certificate-authority": str(credentials.certificate),
                },
            }
        ],
        "users": [{"name": user, "user": {"token": credentials.tokens[user]}}],
        "contexts": [{"name": "rehearsal", "context": {"cluster": "rehearsal", "user": user}}],
    }
    path = credentials.token_file.with_name(f"{user}.kubeconfig")
    # Why JSON: it is YAML too.
    _write_private(path, json.dumps(config).encode())
    return path


def _write_private(path: Path, data: bytes) -> None:
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(data)


def _load(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise MissingToolError(
            f"{error.name} is not installed: pip install 'disagg[local]'"
        ) from error


def _self_signed() -> tuple[bytes, bytes]:
    """Return certificate and key in PEM: EC P-256, for 127.0.0.1."""
    x509: Any = _load("cryptography.x509")
    hazmat = "cryptography.hazmat.primitives"
    hashes, serialization = _load(f"{hazmat}.hashes"), _load(f"{hazmat}.serialization")
    ec = _load(f"{hazmat}.asymmetric.ec")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    names = x509.SubjectAlternativeName(
        [
            x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
            x509.DNSName("localhost"),
            x509.DNSName("kubernetes.default.svc"),
        ]
    )
    uses = dict.fromkeys(
        (
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "crl_sign",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + _VALID)
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            # Why: Python 3.13 refuses an authority that does not say it may sign certificates.
            x509.KeyUsage(digital_signature=True, key_cert_sign=True, **uses),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    return (
        certificate.public_bytes(pem),
        # Why this format: it is the one the API server reads as a key to sign tokens with.
        key.private_bytes(
            pem, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        ),
    )
