import java.io.FileInputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SNIHostName;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

/** A TLS client: sends bytes to an echoing gateway and says "same" when all came back unchanged. */
class Peer {
    public static void main(String[] a) throws Exception {
        KeyStore keys = KeyStore.getInstance("PKCS12");
        keys.load(new FileInputStream(a[3]), a[4].toCharArray());
        KeyManagerFactory km = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        km.init(keys, a[4].toCharArray());
        KeyStore trust = KeyStore.getInstance("PKCS12");
        trust.load(null, null);
        trust.setCertificateEntry("root", CertificateFactory.getInstance("X.509").generateCertificate(new FileInputStream(a[5])));
        TrustManagerFactory tm = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        tm.init(trust);
        SSLContext ctx = SSLContext.getInstance("TLSv1.3");
        ctx.init(km.getKeyManagers(), tm.getTrustManagers(), null);
        SSLSocket s = (SSLSocket) ctx.getSocketFactory().createSocket(a[0], Integer.parseInt(a[1]));
        SSLParameters p = s.getSSLParameters();
        p.setServerNames(List.of(new SNIHostName(a[2])));
        p.setCipherSuites(new String[] {"TLS_AES_256_GCM_SHA384"});
        s.setSSLParameters(p);
        s.startHandshake();
        byte[] sent = new byte[Integer.parseInt(a[6])];
        new Random(1).nextBytes(sent);
        byte[] got = new byte[sent.length];
        Thread reader = new Thread(() -> {
            try {
                InputStream in = s.getInputStream();
                int n = 0;
                while (n < got.length) {
                    int r = in.read(got, n, got.length - n);
                    if (r < 0) break;
                    n += r;
                }
            } catch (Exception e) {
                e.printStackTrace();
            }
        });
        reader.start();
        OutputStream out = s.getOutputStream();
        for (int n = 0; n < sent.length; n += 65536) out.write(sent, n, Math.min(65536, sent.length - n));
        out.flush();
        reader.join();
        System.out.println(Arrays.equals(sent, got) ? "same" : "different");
        s.close();
    }
}
