"""pyHanko as it comes, in a process of its own: `python -m tests.stock_pyhanko FILE ROOTS` prints a verdict a signature.

Long-term validation after ETSI EN 319 102-1, section 5.6.3: offline, revocation lists required, nothing known but the file.
"""

import asyncio
import logging
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.ades.report import AdESPassed
from pyhanko.sign.validation.ades import ades_lta_validation
from pyhanko.sign.validation.policy_decl import (
    PdfSignatureValidationSpec,
    RevinfoOnlineFetchingRule,
    RevocationInfoGatheringSpec,
    SignatureValidationSpec,
)
from pyhanko_certvalidator.context import CertValidationPolicySpec
from pyhanko_certvalidator.policy_decl import CertRevTrustPolicy, RevocationCheckingPolicy, RevocationCheckingRule
from pyhanko_certvalidator.registry import SimpleTrustManager


def verdicts(content: bytes, roots: bytes) -> Iterator[str]:
    for signature in PdfFileReader(BytesIO(content)).embedded_signatures:
        if signature.sig_object_type == "/Sig":
            result = asyncio.run(ades_lta_validation(signature, _question(roots)))
            yield "OK" if result.ades_subindic == AdESPassed.OK else str(result.ades_subindic.standard_name)


def _question(roots: bytes) -> PdfSignatureValidationSpec:
    anchors = [
        asn1_x509.Certificate.load(c.public_bytes(serialization.Encoding.DER))
        for c in x509.load_pem_x509_certificates(roots)
    ]
    rule = RevocationCheckingRule.CRL_REQUIRED
    policy = CertValidationPolicySpec(
        trust_manager=SimpleTrustManager.build(trust_roots=anchors),
        revinfo_policy=CertRevTrustPolicy(RevocationCheckingPolicy(rule, rule)),
    )
    offline = RevocationInfoGatheringSpec(RevinfoOnlineFetchingRule.LOCAL_ONLY)
    return PdfSignatureValidationSpec(
        SignatureValidationSpec(cert_validation_policy=policy, revinfo_gathering_policy=offline)
    )


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    print(*verdicts(Path(sys.argv[1]).read_bytes(), Path(sys.argv[2]).read_bytes()))
