import java.io.FileInputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

/** A TLS server that wants a client certificate, says who came, and echoes one connection until it ends. */
class Server {
    public static void main(String[] a) throws Exception {
        KeyStore keys = KeyStore.getInstance("PKCS12");
        keys.load(new FileInputStream(a[1]), a[2].toCharArray());
        KeyManagerFactory km = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        km.init(keys, a[2].toCharArray());
        KeyStore trust = KeyStore.getInstance("PKCS12");
        trust.load(null, null);
        trust.setCertificateEntry("root", CertificateFactory.getInstance("X.509").generateCertificate(new FileInputStream(a[3])));
        TrustManagerFactory tm = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        tm.init(trust);
        SSLContext ctx = SSLContext.getInstance("TLSv1.3");
        ctx.init(km.getKeyManagers(), tm.getTrustManagers(), null);
        SSLServerSocket listener = (SSLServerSocket) ctx.getServerSocketFactory().createServerSocket(Integer.parseInt(a[0]), 1, java.net.InetAddress.getByName("127.0.0.1"));
        listener.setNeedClientAuth(true);
        System.out.println("listening");
        SSLSocket s = (SSLSocket) listener.accept();
        InputStream in = s.getInputStream();
        OutputStream out = s.getOutputStream();
        byte[] block = new byte[65536];
        for (int n; (n = in.read(block)) > 0; ) out.write(block, 0, n);
        System.out.println(s.getSession().getPeerPrincipal());
        s.close();
    }
}
