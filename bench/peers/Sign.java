import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.FileInputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import java.util.Arrays;
import java.util.Calendar;
import java.util.StringJoiner;
import javax.imageio.ImageIO;
import org.apache.pdfbox.pdmodel.PDDocument;
import org.apache.pdfbox.pdmodel.interactive.digitalsignature.PDSignature;
import org.apache.pdfbox.pdmodel.interactive.digitalsignature.SignatureInterface;
import org.apache.pdfbox.pdmodel.interactive.digitalsignature.SignatureOptions;
import org.apache.pdfbox.pdmodel.interactive.digitalsignature.visible.PDVisibleSigProperties;
import org.apache.pdfbox.pdmodel.interactive.digitalsignature.visible.PDVisibleSignDesigner;
import org.bouncycastle.cert.jcajce.JcaCertStore;
import org.bouncycastle.cms.CMSProcessableByteArray;
import org.bouncycastle.cms.CMSSignedDataGenerator;
import org.bouncycastle.cms.jcajce.JcaSignerInfoGeneratorBuilder;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.bouncycastle.operator.jcajce.JcaDigestCalculatorProviderBuilder;

/** Signs a PDF many times with PDFBox, visibly: FILE.pdf CERTIFICATE.p12 OUT.pdf TIMES. Prints CPU milliseconds as JSON. */
public class Sign {
    private static final char[] PASSWORD = "bench".toCharArray();

    public static void main(String[] args) throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        try (InputStream in = new FileInputStream(args[1])) {
            store.load(in, PASSWORD);
        }
        String alias = store.aliases().nextElement();
        PrivateKey key = (PrivateKey) store.getKey(alias, PASSWORD);
        X509Certificate certificate = (X509Certificate) store.getCertificate(alias);
        SignatureInterface hand = content -> cms(content.readAllBytes(), key, certificate);
        ByteArrayOutputStream stamp = new ByteArrayOutputStream();
        ImageIO.write(new BufferedImage(120, 48, BufferedImage.TYPE_INT_RGB), "png", stamp);
        byte[] file = Files.readAllBytes(Path.of(args[0]));
        var cpu = (com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
        StringJoiner spent = new StringJoiner(",", "[", "]");
        byte[] signed = null;
        for (int n = 0; n < Integer.parseInt(args[3]); n++) {
            long before = cpu.getProcessCpuTime();
            signed = sign(file, hand, stamp.toByteArray());
            spent.add(Double.toString((cpu.getProcessCpuTime() - before) / 1e6));
        }
        Files.write(Path.of(args[2]), signed);
        System.out.println(spent);
    }

    private static byte[] sign(byte[] file, SignatureInterface hand, byte[] stamp) throws Exception {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (PDDocument document = PDDocument.load(file); SignatureOptions options = new SignatureOptions()) {
            PDSignature signature = new PDSignature();
            signature.setFilter(PDSignature.FILTER_ADOBE_PPKLITE);
            signature.setSubFilter(PDSignature.SUBFILTER_ETSI_CADES_DETACHED);
            signature.setSignDate(Calendar.getInstance());
            PDVisibleSignDesigner designer = new PDVisibleSignDesigner(document, new ByteArrayInputStream(stamp), 1);
            designer.xAxis(40).yAxis(60).signatureFieldName("bench");
            PDVisibleSigProperties properties = new PDVisibleSigProperties().page(1).visualSignEnabled(true);
            properties.setPdVisibleSignature(designer).buildSignature();
            options.setVisualSignature(properties.getVisibleSignature());
            options.setPreferredSignatureSize(8192);
            document.addSignature(signature, hand, options);
            document.saveIncremental(out);
        }
        return out.toByteArray();
    }

    private static byte[] cms(byte[] content, PrivateKey key, X509Certificate certificate) {
        try {
            String algorithm = key.getAlgorithm().equals("EC") ? "SHA256withECDSA" : "SHA256withRSA";
            CMSSignedDataGenerator generator = new CMSSignedDataGenerator();
            generator.addSignerInfoGenerator(
                new JcaSignerInfoGeneratorBuilder(new JcaDigestCalculatorProviderBuilder().build())
                    .build(new JcaContentSignerBuilder(algorithm).build(key), certificate));
            generator.addCertificates(new JcaCertStore(Arrays.asList(certificate)));
            return generator.generate(new CMSProcessableByteArray(content), false).getEncoded();
        } catch (Exception error) {
            throw new IllegalStateException(error);
        }
    }
}
