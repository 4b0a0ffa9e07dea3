"""A certificate authority, and certificates for `localhost`: a good one, and bad ones for the faults of TLS."""

import datetime
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)


class Authority:
    def __init__(self, name):
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self.sign(self.name, self.key.public_key(), DAY, is_authority=True)

    def sign(self, subject, key, lifetime, names=(), is_authority=False):
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 2 * DAY)
            .not_valid_after(now + lifetime)
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        )
        if names:
            names = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def server(self, folder, name, host="localhost", lifetime=DAY):
        """The TLS settings of a server with a certificate for this host."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        certificate = self.sign(subject, key.public_key(), lifetime, names=[host])
        file = folder / f"{name}.pem"
        file.touch(0o600)
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + pem(certificate)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


def pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)


def make(folder):
    """Returns the file of the authority that the gateway trusts, and the servers' settings by name."""
    ours, unknown = Authority("faults"), Authority("unknown")
    trusted = folder / "authority.pem"
    trusted.write_bytes(pem(ours.certificate))
    trusted.chmod(0o644)
    return trusted, {
        "good": ours.server(folder, "good"),
        "expired": ours.server(folder, "expired", lifetime=-DAY),
        "wrong name": ours.server(folder, "wrong-name", host="elsewhere.example"),
        "unknown authority": unknown.server(folder, "unknown"),
    }
