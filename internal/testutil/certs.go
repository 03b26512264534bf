package testutil

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"testing"
	"time"
)

// Certs is a certificate authority with one server and one client certificate, made for a test.
type Certs struct {
	CA                     []byte // PEM
	ServerCert, ServerKey  []byte // PEM; the key is PKCS #8
	ClientCert, ClientKey  []byte
	Pool                   *x509.CertPool
	ServerPair, ClientPair tls.Certificate
}

// NewCerts makes certificates; the server's is for the given hosts, names or addresses.
func NewCerts(tb testing.TB, hosts ...string) *Certs {
	tb.Helper()
	c := &Certs{Pool: x509.NewCertPool()}
	must := func(err error) {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
	}
	serial := int64(0)
	template := func(name string) *x509.Certificate {
		serial++
		return &x509.Certificate{
			SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), BasicConstraintsValid: true,
			KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		}
	}
	newKey := func() (*ecdsa.PrivateKey, []byte) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		must(err)
		der, err := x509.MarshalPKCS8PrivateKey(key)
		must(err)
		return key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	}
	sign := func(t, parent *x509.Certificate, key, by *ecdsa.PrivateKey) []byte {
		der, err := x509.CreateCertificate(rand.Reader, t, parent, &key.PublicKey, by)
		must(err)
		return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	}
	caKey, _ := newKey()
	ca := template("reconnect test authority")
	ca.IsCA, ca.KeyUsage, ca.ExtKeyUsage = true, x509.KeyUsageCertSign, nil
	c.CA = sign(ca, ca, caKey, caKey)
	c.Pool.AppendCertsFromPEM(c.CA)
	server := template("server")
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			server.IPAddresses = append(server.IPAddresses, ip)
		} else {
			server.DNSNames = append(server.DNSNames, h)
		}
	}
	var key *ecdsa.PrivateKey
	key, c.ServerKey = newKey()
	c.ServerCert = sign(server, ca, key, caKey)
	key, c.ClientKey = newKey()
	c.ClientCert = sign(template("client"), ca, key, caKey)
	var err error
	c.ServerPair, err = tls.X509KeyPair(c.ServerCert, c.ServerKey)
	must(err)
	c.ClientPair, err = tls.X509KeyPair(c.ClientCert, c.ClientKey)
	must(err)
	return c
}
