import java.io.ByteArrayInputStream;
import java.io.File;
import java.io.FileInputStream;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.Security;
import java.security.cert.CertPathBuilder;
import java.security.cert.CertStore;
import java.security.cert.CertificateFactory;
import java.security.cert.CollectionCertStoreParameters;
import java.security.cert.PKIXBuilderParameters;
import java.security.cert.TrustAnchor;
import java.security.cert.X509CRL;
import java.security.cert.X509CertSelector;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Date;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.apache.pdfbox.cos.COSArray;
import org.apache.pdfbox.cos.COSBase;
import org.apache.pdfbox.cos.COSDictionary;
import org.apache.pdfbox.cos.COSName;
import org.apache.pdfbox.cos.COSObject;
import org.apache.pdfbox.cos.COSStream;
import org.apache.pdfbox.pdmodel.PDDocument;
import org.apache.pdfbox.pdmodel.interactive.digitalsignature.PDSignature;
import org.bouncycastle.asn1.ASN1ObjectIdentifier;
import org.bouncycastle.asn1.cms.Attribute;
import org.bouncycastle.asn1.ess.SigningCertificateV2;
import org.bouncycastle.asn1.pkcs.PKCSObjectIdentifiers;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cms.CMSProcessableByteArray;
import org.bouncycastle.cms.CMSSignedData;
import org.bouncycastle.cms.SignerInformation;
import org.bouncycastle.cms.jcajce.JcaSimpleSignerInfoVerifierBuilder;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.tsp.TimeStampToken;
import org.bouncycastle.util.Store;

/**
 * What PDFBox and BouncyCastle say of signed PDFs, offline: ROOTS.pem FILE.pdf … prints a line for each file and signature:
 *
 *   FILE TAB kind (signature or timestamp) TAB verdict (ok, or what is wrong) TAB time that was proven, ISO 8601, or -
 *
 * A signature is checked over its byte range, its certificate as RFC 5035 ties it, its time stamp, and the path to a root with
 * revocation lists of the file, at the time that the time stamp proves; one without is judged at the time of its last document
 * time stamp. A document time stamp is judged at the next one's time, the last at its own or, with -Dnow=ISO-8601, at that time.
 * BouncyCastle judges nothing at a time that lies ahead of the machine's clock.
 */
public class Judge {
    private static final int LONGEST = 200;
    private static final JcaX509CertificateConverter JCA = new JcaX509CertificateConverter();

    public static void main(String[] args) throws Exception {
        Security.addProvider(new BouncyCastleProvider());
        Set<TrustAnchor> anchors = new HashSet<>();
        try (InputStream in = new FileInputStream(args[0])) {
            for (Object root : CertificateFactory.getInstance("X.509").generateCertificates(in)) {
                anchors.add(new TrustAnchor((X509Certificate) root, null));
            }
        }
        for (String name : Arrays.asList(args).subList(1, args.length)) {
            byte[] content = Files.readAllBytes(Path.of(name));
            try (PDDocument document = PDDocument.load(new File(name))) {
                new Judge(name, content, document, anchors).all();
            } catch (Exception error) {
                say(name, "file", "unreadable: " + reason(error), null);
            }
        }
    }

    private final String name;
    private final byte[] content;
    private final List<PDSignature> signatures;
    private final Set<TrustAnchor> anchors;
    private final List<Object> known = new ArrayList<>();

    Judge(String name, byte[] content, PDDocument document, Set<TrustAnchor> anchors) throws Exception {
        this.name = name;
        this.content = content;
        this.anchors = anchors;
        signatures = new ArrayList<>(document.getSignatureDictionaries());
        signatures.sort((one, other) -> Integer.compare(one.getByteRange()[2], other.getByteRange()[2]));
        COSBase store = document.getDocumentCatalog().getCOSObject().getDictionaryObject(COSName.getPDFName("DSS"));
        if (store instanceof COSDictionary) {
            supply((COSDictionary) store);
        }
    }

    /** Certificates and revocation lists of the document security store. */
    private void supply(COSDictionary store) throws Exception {
        CertificateFactory factory = CertificateFactory.getInstance("X.509");
        for (String kind : new String[] {"Certs", "CRLs"}) {
            COSBase found = store.getDictionaryObject(COSName.getPDFName(kind));
            for (COSBase each : found instanceof COSArray ? (COSArray) found : new COSArray()) {
                COSBase stream = each instanceof COSObject ? ((COSObject) each).getObject() : each;
                try (InputStream in = ((COSStream) stream).createInputStream()) {
                    known.add(kind.equals("Certs") ? factory.generateCertificate(in) : factory.generateCRL(in));
                }
            }
        }
    }

    void all() {
        if (signatures.isEmpty()) {
            say(name, "file", "not signed", null);
        }
        Date later = System.getProperty("now") == null ? null : Date.from(Instant.parse(System.getProperty("now")));
        List<Runnable> lines = new ArrayList<>();
        for (int n = signatures.size() - 1; n >= 0; n--) {
            later = one(signatures.get(n), later, n == signatures.size() - 1, lines);
        }
        lines.forEach(Runnable::run);
    }

    /** Judges one; the time that is proven for what stands before it in the file. */
    private Date one(PDSignature signature, Date later, boolean last, List<Runnable> lines) {
        boolean stamp = "ETSI.RFC3161".equals(signature.getSubFilter());
        Date proven = later;
        String verdict = "ok";
        try {
            byte[] signed = signature.getSignedContent(content);
            int[] range = signature.getByteRange();
            if (range[0] != 0 || last && range[2] + range[3] != content.length) {
                throw new SecurityException("does not cover the file");
            }
            if (stamp) {
                TimeStampToken token = new TimeStampToken(new CMSSignedData(trimmed(signature)));
                proven = token.getTimeStampInfo().getGenTime();
                check(token, signed, later == null ? proven : later);
            } else {
                CMSSignedData cms = new CMSSignedData(new CMSProcessableByteArray(signed), trimmed(signature));
                check(cms, later);
            }
        } catch (Exception error) {
            verdict = reason(error);
        }
        String told = verdict;
        Date time = proven;
        lines.add(0, () -> say(name, stamp ? "timestamp" : "signature", told, time));
        return stamp ? proven : later;
    }

    private byte[] trimmed(PDSignature signature) throws Exception {
        try (ByteArrayInputStream in = new ByteArrayInputStream(signature.getContents(content))) {
            return new org.bouncycastle.asn1.ASN1InputStream(in).readObject().getEncoded();
        }
    }

    private void check(CMSSignedData cms, Date later) throws Exception {
        SignerInformation signer = cms.getSignerInfos().getSigners().iterator().next();
        X509Certificate certificate = of(cms.getCertificates(), signer);
        if (!signer.verify(new JcaSimpleSignerInfoVerifierBuilder().build(certificate))) {
            throw new SecurityException("signature does not verify");
        }
        tied(signer, certificate);
        Date at = later;
        Attribute stamped = signer.getUnsignedAttributes() == null
            ? null
            : signer.getUnsignedAttributes().get(PKCSObjectIdentifiers.id_aa_signatureTimeStampToken);
        if (stamped != null) {
            byte[] der = stamped.getAttrValues().getObjectAt(0).toASN1Primitive().getEncoded();
            TimeStampToken token = new TimeStampToken(new CMSSignedData(der));
            at = token.getTimeStampInfo().getGenTime();
            check(token, signer.getSignature(), later == null ? at : later);
        }
        path(certificate, cms.getCertificates(), at == null ? new Date() : at);
    }

    private void check(TimeStampToken token, byte[] over, Date at) throws Exception {
        byte[] digest = MessageDigest.getInstance("SHA-256").digest(over);
        if (!Arrays.equals(digest, token.getTimeStampInfo().getMessageImprintDigest())) {
            throw new SecurityException("time stamp is over something else");
        }
        X509CertificateHolder holder = (X509CertificateHolder) token.getCertificates().getMatches(token.getSID()).iterator().next();
        token.validate(new JcaSimpleSignerInfoVerifierBuilder().build(holder));
        path(JCA.getCertificate(holder), token.getCertificates(), at);
    }

    /** RFC 5035: the signature names its certificate by digest. */
    private static void tied(SignerInformation signer, X509Certificate certificate) throws Exception {
        ASN1ObjectIdentifier kind = PKCSObjectIdentifiers.id_aa_signingCertificateV2;
        SigningCertificateV2 named =
            SigningCertificateV2.getInstance(signer.getSignedAttributes().get(kind).getAttrValues().getObjectAt(0));
        byte[] digest = MessageDigest.getInstance("SHA-256").digest(certificate.getEncoded());
        if (!Arrays.equals(digest, named.getCerts()[0].getCertHash())) {
            throw new SecurityException("another certificate is named");
        }
    }

    private static X509Certificate of(Store<X509CertificateHolder> store, SignerInformation signer) throws Exception {
        Collection<X509CertificateHolder> found = store.getMatches(signer.getSID());
        return JCA.getCertificate(found.iterator().next());
    }

    /** To a root, with revocation lists of the file, as it was at that time. */
    private void path(X509Certificate certificate, Store<X509CertificateHolder> beside, Date at) throws Exception {
        List<Object> there = new ArrayList<>(known);
        boolean listed = known.stream().anyMatch(each -> each instanceof X509CRL);
        for (X509CertificateHolder each : beside.getMatches(null)) {
            there.add(JCA.getCertificate(each));
        }
        X509CertSelector wanted = new X509CertSelector();
        wanted.setCertificate(certificate);
        PKIXBuilderParameters asked = new PKIXBuilderParameters(anchors, wanted);
        asked.addCertStore(CertStore.getInstance("Collection", new CollectionCertStoreParameters(there)));
        asked.setRevocationEnabled(listed);
        asked.setDate(at);
        CertPathBuilder.getInstance("PKIX", "BC").build(asked);
    }

    /** The message, and those of what caused it. */
    private static String reason(Throwable error) {
        String told = String.valueOf(error.getMessage());
        for (Throwable cause = error.getCause(); cause != null; cause = cause.getCause()) {
            told += "; " + cause.getMessage();
        }
        String line = told.replaceAll("\\s+", " ");
        return line.substring(0, Math.min(LONGEST, line.length()));
    }

    private static void say(String name, String kind, String verdict, Date time) {
        System.out.println(String.join("\t", name, kind, verdict, time == null ? "-" : time.toInstant().toString()));
    }
}
