package failure

var (
	fixTLS = []string{
		"Put the authority that signed the server's certificate into the trust store the connector uses (ssl.truststore.location, sslrootcert, connection.ssl.truststore), on every worker.",
		"Use the host name that is in the certificate, or have one issued for the name you use.",
		"Check that both sides agree on TLS at all (port, sslmode, security.protocol), and on its version and ciphers.",
	}
	fixReach = []string{
		"Check that the other side is up and that its host and port can be reached from every worker (DNS, firewall, security groups).",
		"Restart the task once it answers.",
	}
	fixSlow = []string{
		"Check that the other side is up and not overloaded; restart the task once it answers.",
		"Check the way there: a firewall that drops packets shows as a time-out and not as a refusal.",
		"Where it is only slow, raise the connector's timeout, or make batches smaller.",
	}
)

// TLS of every client.
var tlsRules = []rule{
	{
		Pattern: Pattern{
			ID: "tls-certificate", Exceptions: []string{"sun.security.provider.certpath.SunCertPathBuilderException", "sun.security.validator.ValidatorException", "java.security.cert.", "javax.net.ssl.SSLPeerUnverifiedException"},
			Messages: []string{
				"pkix path", "unable to find valid certification path", "could not be verified by hostnameverifier", "no subject alternative", "certificate_unknown", "unknown_ca", "bad_certificate", "certificate_expired", "certificate expired", "certificate has expired", "certificate_required", "path does not chain with any of the trust anchors", "trust anchor", "self-signed certificate", "self signed certificate",
				"certificate for <* doesn't match", "certificate doesn't match", "hostname * not verified", "host name * does not match the certificate", "no name matching", "notafter:", "certificate is not trusted", "certificate verify failed", "certificateexception", "x509", "server certificate", "server chooses tls",
			}, Class: ClassTLS, Advice: AdviceAfterChange, Summary: "The server's certificate[ of {host}] is not trusted or is for another name.", Remedies: fixTLS, Source: "javax.net.ssl, sun.security.validator",
		}, weight: weightExact, either: true,
	},
	{
		Pattern: Pattern{
			ID: "tls-handshake", Exceptions: []string{"javax.net.ssl.SSLHandshakeException", "javax.net.ssl.SSLException", "javax.net.ssl.SSLProtocolException", "javax.net.ssl.SSLKeyException", "io.netty.handler.ssl.", "org.bouncycastle.tls."},
			Messages: []string{
				"the server does not support ssl", "received fatal alert", "remote host terminated the handshake", "handshake_failure", "protocol_version", "no appropriate protocol", "header parser received no bytes", "unrecognized ssl message", "unsupported or unrecognized ssl", "ssl handshake failed", "handshake failed", "no cipher suites in common", "not an ssl/tls record", "closed during handshake",
				"does not support ssl", "does not support tls", "ssl connection required", "connections using insecure transport are prohibited", "ssl off", "ssl is required", "tls is required", "ssl is not enabled", "could not establish a secure connection", "driver could not establish a secure connection", "mqrc_unsupported_cipher_suite", "mqrc_ssl", "sslhandshakeexception", "sslexception", "ssl error", "tls error",
				"ssl routines", "cipher suite", "requires ssl", "requires tls",
			}, Class: ClassTLS, Advice: AdviceAfterChange, Summary: "The TLS handshake[ with {host}] failed.", Remedies: fixTLS, Source: "javax.net.ssl",
		}, weight: weightSpecific, either: true, codes: []string{"mq 2393", "mq 2396", "mq 2397", "mq 2398", "mq 2399", "mq 2400", "mq 2401", "mq 2402", "mq 2406", "mq 2429"},
	},
	{
		Pattern: Pattern{
			ID: "tls-store", Exceptions: []string{"java.security.KeyStoreException", "java.security.UnrecoverableKeyException", "java.security.spec.InvalidKeySpecException", "java.security.InvalidAlgorithmParameterException"},
			Messages: []string{
				"failed to load ssl keystore", "failed to load pem", "keystore was tampered with", "keystore password was incorrect", "trust store", "truststore", "keystore", "trustanchors parameter must be non-empty", "last unit does not have enough valid bits", "could not read ssl", "could not open ssl root certificate", "could not find certificate", "invalid pem", "pem private key", "invalid keystore format",
				"derinputstream.getlength", "sslrootcert", "could not load ssl", "ssl certificate file", "get key failed", "given final block not properly padded", "root certificate file",
			}, Class: ClassTLS, Advice: AdviceAfterChange, Summary: "The key store or trust store cannot be read.", Remedies: []string{"Check path, type and password of the store (ssl.truststore.location, ssl.keystore.location, ssl.key.password), on every worker.", "Check that PEM files are whole: header, footer, line breaks."}, Source: "Kafka: DefaultSslEngineFactory; java.security.KeyStore",
		}, weight: weightSpecific, either: true,
	},
}

// The network below every client.
var networkRules = []rule{
	{
		Pattern: Pattern{
			ID: "network-timeout", Exceptions: []string{
				"java.net.SocketTimeoutException", "java.net.http.HttpTimeoutException", "java.net.http.HttpConnectTimeoutException", "org.apache.http.conn.ConnectTimeoutException", "org.apache.http.conn.ConnectionPoolTimeoutException", "java.util.concurrent.TimeoutException", "io.netty.channel.ConnectTimeoutException", "io.netty.handler.timeout.ReadTimeoutException", "io.netty.handler.timeout.WriteTimeoutException",
				"java.nio.channels.InterruptedByTimeoutException", "org.apache.hc.client5.http.ConnectTimeoutException", "org.apache.hc.core5.util.TimeoutValueException", "java.io.InterruptedIOException", "reactor.netty.http.client.PrematureCloseException",
			}, Messages: []string{"connect timed out", "read timed out", "connection timed out", "milliseconds timeout on connection"}, Class: ClassTimeout, Advice: AdviceAfterRecovery,
			Summary: "The other side[ {host}] did not answer in time.", Remedies: fixSlow, Source: "java.net.SocketTimeoutException and its kin in HTTP clients",
		}, weight: weightPlatform, either: true,
	},
	{
		Pattern: Pattern{
			ID: "network-unknown-host", Exceptions: []string{"java.net.UnknownHostException", "java.nio.channels.UnresolvedAddressException"}, Messages: []string{"name or service not known", "nodename nor servname", "temporary failure in name resolution", "unknown host", "could not resolve host", "no address associated with hostname", "failed to resolve '"}, Class: ClassConnection, Advice: AdviceAfterRecovery,
			Summary:  "The host name[ {host}] does not resolve.",
			Remedies: []string{"Check the host name in the connector's configuration for a typing error.", "Check that DNS answers on every worker; restart the task once it does."}, Source: "java.net.UnknownHostException",
		}, weight: weightPlatform, either: true,
	},
	{
		Pattern: Pattern{
			ID: "network-connection", Exceptions: []string{
				"java.net.ConnectException", "java.net.NoRouteToHostException", "java.net.SocketException", "java.net.PortUnreachableException", "org.apache.http.conn.HttpHostConnectException", "org.apache.http.NoHttpResponseException", "org.apache.http.ConnectionClosedException", "java.nio.channels.ClosedChannelException", "java.nio.channels.AsynchronousCloseException",
				"io.netty.channel.AbstractChannel$AnnotatedConnectException", "io.netty.channel.unix.Errors$NativeIoException", "org.apache.hc.client5.http.HttpHostConnectException", "org.apache.hc.core5.http.NoHttpResponseException", "org.apache.hc.core5.http.ConnectionClosedException", "java.rmi.ConnectException", "io.netty.channel.StacklessClosedChannelException",
			}, Messages: []string{"connection refused", "connection reset", "broken pipe", "no route to host", "network is unreachable", "host is down", "connection closed", "failed to connect to", "connection aborted", "connection was closed", "connection is closed", "failed to respond", "end of stream", "host unreachable", "connection lost", "connection was lost", "connection has been closed", "not connected", "unexpectedly closed", "disconnected"},
			Class: ClassConnection, Advice: AdviceAfterRecovery, Summary: "The other side[ {host}] cannot be reached or ended the connection.", Remedies: fixReach, Source: "java.net",
		}, weight: weightPlatform, either: true,
	},
	{
		Pattern: Pattern{
			ID: "network-end-of-stream", Exceptions: []string{"java.io.EOFException"}, Class: ClassConnection, Advice: AdviceAfterRecovery,
			Summary: "The other side[ {host}] ended the connection.", Remedies: fixReach, Source: "java.io.EOFException",
		}, weight: weightName,
	},
}
