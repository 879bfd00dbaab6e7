"""Certificates: why the certificate of a server is refused, in words."""

import ssl

EXPIRED = "The certificate of {host} has expired."
OTHER_NAME = "The certificate of {host} is for another name."
UNTRUSTED = "The certificate of {host} isn’t trusted."
_SENTENCES = {10: EXPIRED, 62: OTHER_NAME}  # by X509_V_ERR_… of OpenSSL


def refusal(error: ssl.SSLCertVerificationError) -> str:
    """Return a message id with the placeholder {host} that says why a certificate is refused."""
    return _SENTENCES.get(error.verify_code, UNTRUSTED)
